#include "proxy/convoy.h"

#include <doctest/doctest.h>

#include <vector>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr TimePoint kStart{1000s};

struct Look {
  Duration at;
  std::uint64_t mib;
  bool waited;
  bool leave;
};

TEST_CASE("a convoy waits for readers of like speed and leaves much slower ones behind") {
  struct Case {
    const char* what;
    std::vector<Look> looks;
  };
  const Case cases[] = {
      {"with room, nobody is left behind, however slow it goes",
       {{1s, 100, false, false}, {10s, 100, false, false}, {60s, 101, false, false}}},
      {"half of the pace before is still together",
       {{10s, 1000, true, false}, {10500ms, 1025, true, false}, {11s, 1050, true, false}}},
      {"a window without any progress leaves behind",
       {{10s, 1000, true, false}, {10250ms, 1000, true, false}, {10500ms, 1000, true, true}}},
      {"a tenth of the pace leaves behind",
       {{10s, 1000, true, false}, {10500ms, 1005, true, true}}},
      {"one that slows down later is left behind then",
       {{10s, 1000, true, false}, {10500ms, 1040, true, false}, {11s, 1041, true, true}}},
      {"after leaving one behind the pace is measured anew",
       {{10s, 1000, true, false},
        {10500ms, 1001, true, true},
        {20500ms, 1101, true, false},
        {21s, 1104, true, false}}},
      {"a window without waiting ends the wait",
       {{10s, 1000, true, false}, {10500ms, 1001, false, false}, {70s, 1001, false, false}}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Convoy convoy(kStart, 0);
    for (const Look& look : c.looks) {
      CAPTURE(look.at.count());
      CHECK(convoy.leave_behind(kStart + look.at, look.mib * kMiB, look.waited) == look.leave);
    }
  }
}

}  // namespace
}  // namespace weir::proxy
