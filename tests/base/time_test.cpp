#include "base/time.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

TEST_CASE("adding for ever does not overflow") {
  const weir::TimePoint now{1h};
  CHECK(weir::after(now, weir::kForever) == weir::TimePoint::max());
  CHECK(weir::after(now, 5s) == now + 5s);
  CHECK(weir::after(weir::TimePoint::max(), 1s) == weir::TimePoint::max());
}
