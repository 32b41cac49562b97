#include "sched/pace.h"

#include <doctest/doctest.h>

namespace weir::sched {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

TEST_CASE("before a place came free the wait so far is all that is known") {
  Pace pace;
  pace.begin(kStart);
  CHECK(pace.interval(kStart) == 0s);
  CHECK(pace.interval(kStart + 3s) == 3s);
}

TEST_CASE("places that come free in steady steps give that step, from any first guess") {
  Pace pace;
  TimePoint now = kStart;
  pace.begin(now);
  pace.freed(now += 10s);
  CHECK(pace.interval(now) == 10s);
  for (int i = 0; i < 300; ++i) pace.freed(now += 50ms);
  CHECK(pace.interval(now) > 49ms);
  CHECK(pace.interval(now) < 51ms);
}

TEST_CASE("a long gap counts before it is over, and time without anybody waiting does not") {
  Pace pace;
  TimePoint now = kStart;
  pace.begin(now);
  for (int i = 0; i < 20; ++i) pace.freed(now += 100ms);
  CHECK(pace.interval(now + 100ms) == 100ms);
  CHECK(pace.interval(now + 1700ms) == 200ms);
  pace.begin(now + 1h);
  CHECK(pace.interval(now + 1h) == 100ms);
}

}  // namespace
}  // namespace weir::sched
