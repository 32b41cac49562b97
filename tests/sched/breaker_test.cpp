#include "sched/breaker.h"

#include <doctest/doctest.h>

namespace weir::sched {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

TEST_CASE("a breaker opens after failures in a row, and only in a row") {
  Breaker b({.failures = 3});
  b.failed(kStart, 0);
  b.failed(kStart, 0);
  b.succeeded();
  b.failed(kStart, 0);
  b.failed(kStart, 0);
  CHECK(b.may_try(kStart));
  b.failed(kStart, 0);
  CHECK(b.state() == Breaker::State::kOpen);
  CHECK_FALSE(b.may_try(kStart));
  CHECK(b.opened() == kStart);
}

TEST_CASE("after the back-off one trial may go, and its verdict decides") {
  Breaker b({.failures = 1, .backoff_min = 1s, .backoff_max = 3s});
  b.failed(kStart, 0);
  CHECK_FALSE(b.may_try(kStart + 999ms));
  REQUIRE(b.may_try(kStart + 1s));
  b.begin(kStart + 1s);
  CHECK(b.state() == Breaker::State::kHalfOpen);
  CHECK_FALSE(b.may_try(kStart + 10s));
  SUBCASE("success closes it") {
    b.succeeded();
    CHECK(b.state() == Breaker::State::kClosed);
    CHECK(b.may_try(kStart + 1s));
  }
  SUBCASE("failures double the back-off up to its limit") {
    b.failed(kStart + 1s, 0);
    CHECK(b.next_try() == kStart + 3s);
    b.begin(kStart + 3s);
    b.failed(kStart + 3s, 0);
    CHECK(b.next_try() == kStart + 6s);
    b.begin(kStart + 6s);
    b.failed(kStart + 6s, 0);
    CHECK(b.next_try() == kStart + 9s);
    CHECK(b.opened() == kStart);
  }
  SUBCASE("a trial without a verdict leaves the way to the next one") {
    b.given_up(kStart + 2s);
    CHECK(b.may_try(kStart + 2s));
  }
}

TEST_CASE("for a while after it opened the back-off does not grow") {
  Breaker b({.failures = 1, .backoff_min = 1s, .backoff_max = 30s, .steady_for = 3s});
  TimePoint now = kStart;
  b.failed(now, 0);
  for (const Duration step : {1s, 1s, 1s, 1s, 2s, 4s, 8s}) {
    CHECK(b.next_try() == now + step);
    now += step;
    b.begin(now);
    b.failed(now, 0);
  }
  b.begin(b.next_try());
  b.succeeded();
  b.failed(now, 0);
  CHECK(b.next_try() == now + 1s);
}

TEST_CASE("jitter lengthens a back-off by up to a half") {
  Breaker b({.failures = 1, .backoff_min = 2s});
  b.failed(kStart, 0xffffffff);
  CHECK(b.next_try() > kStart + 2900ms);
  CHECK(b.next_try() <= kStart + 3s);
}

TEST_CASE("without a limit of failures it never opens") {
  Breaker b({.failures = 0});
  for (int i = 0; i < 100; ++i) b.failed(kStart, 0);
  CHECK(b.may_try(kStart));
}

}  // namespace
}  // namespace weir::sched
