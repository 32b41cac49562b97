#include "cache/purge_mark.h"

#include <doctest/doctest.h>

#include <vector>

namespace weir::cache {
namespace {

constexpr WallTime kNow{Seconds{1000}};

TEST_CASE("an object that is four billion purges old is gone with the next that concerns it") {
  constexpr std::uint64_t kLast = 5 + std::uint64_t{UINT32_MAX};
  for (const std::uint64_t number : {kLast, kLast + 1}) {
    CAPTURE(number);
    PurgeMark soft(5), examined(5);
    CHECK(soft.apply({PurgeMode::kSoft, number, kNow}));
    CHECK(soft.purged_since(number - 1));
    CHECK(soft.gone() == (number > kLast));
    PurgeMark young(number - 1);
    young.inherit(soft);
    CHECK(young.purged_since(number - 1));
    examined.set_examined(number);
    CHECK((examined.examined() == number || examined.gone()));
  }
}

TEST_CASE("a time before 1970 is its first second") {
  PurgeMark mark(0);
  CHECK(mark.apply({PurgeMode::kSoft, 1, WallTime{Seconds{-5}}}));
  CHECK(mark.stale_since() == WallTime{});
}

TEST_CASE("a purge makes a difference once, and only to what is older") {
  struct Row {
    const char* what;
    std::vector<Purging> purges;
    bool last_counts;
    bool gone;
    bool stale;
  };
  const auto hard = [](std::uint64_t n) { return Purging{PurgeMode::kHard, n, kNow}; };
  const auto soft = [](std::uint64_t n) { return Purging{PurgeMode::kSoft, n, kNow}; };
  for (const Row& row : {
           Row{"older than the object", {hard(5)}, false, false, false},
           Row{"older and soft", {soft(4)}, false, false, false},
           Row{"hard", {hard(6)}, true, true, false},
           Row{"hard twice", {hard(6), hard(7)}, false, true, false},
           Row{"soft", {soft(6)}, true, false, true},
           Row{"soft twice", {soft(6), soft(7)}, false, false, true},
           Row{"soft, then hard", {soft(6), hard(7)}, true, true, true},
           Row{"hard, then soft", {hard(6), soft(7)}, false, true, false},
       }) {
    CAPTURE(std::string(row.what));
    PurgeMark mark(5);
    bool counts = false;
    for (const Purging& p : row.purges) counts = mark.apply(p);
    CHECK(counts == row.last_counts);
    CHECK(mark.gone() == row.gone);
    CHECK(mark.stale_since().has_value() == row.stale);
  }
}

TEST_CASE("what was examined only rises") {
  PurgeMark mark(5);
  CHECK(mark.examined() == 5);
  mark.set_examined(7);
  mark.set_examined(6);
  CHECK(mark.examined() == 7);
}

}  // namespace
}  // namespace weir::cache
