#include "delivery/credit_patience.h"

#include <doctest/doctest.h>

#include "delivery/milestones.h"

using namespace weir;
using namespace weir::delivery;
using std::chrono::seconds;

namespace {

// Looks once a second; returns after how many seconds it may not stay, or nothing within an hour.
std::optional<int> judged(std::uint64_t bytes_a_minute, bool shut = true) {
  const Settings settings;
  CreditPatience patience(settings);
  TimePoint now{std::chrono::hours(1)};
  patience.begin(now);
  std::uint64_t sent = 0;
  for (int s = 1; s <= 3600; ++s) {
    now += seconds(1);
    if (s % 60 == 0) sent += bytes_a_minute;
    if (!patience.on(now, sent, shut, Duration::zero())) return s;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a stream without credit may stand still for zero_window_timeout, however it trickles") {
  CHECK(judged(0) == 121);              // the first look begins it
  CHECK(judged(1).value_or(0) <= 125);  // a byte a minute buys nothing
  CHECK_FALSE(judged(60 * 1024));       // trickle_rate does
  CHECK_FALSE(judged(0, false));        // its own credit is not what it waits for
}

TEST_CASE("time in which the worker was late is not counted") {
  const Settings settings;
  CreditPatience patience(settings);
  TimePoint now{std::chrono::hours(1)};
  patience.begin(now);
  CHECK(patience.on(now, 0, true, Duration::zero()));
  CHECK(patience.on(now + seconds(200), 0, true, seconds(200)));
  CHECK(patience.shut_for() == seconds(200));
  CHECK_FALSE(patience.on(now + seconds(400), 0, true, Duration::zero()));
}

TEST_CASE("milestones never promise more than was reached, and not much less") {
  Milestones m;
  CHECK(m.body_before(1000) == 0);
  // Every tenth byte of the connection is of this body.
  for (std::uint64_t i = 1; i <= 1000; ++i) m.add(i * 1000, i * 100);
  for (std::uint64_t offset = 0; offset <= 1'000'000; offset += 500) {
    REQUIRE(m.body_before(offset) <= offset / 10);
  }
  CHECK(m.body_before(1'000'000) == 100'000);
  CHECK(m.body_before(900'000) > 70'000);
  m.passed(990'000);
  for (std::uint64_t i = 1001; i <= 1010; ++i) m.add(i * 1000, i * 100);
  CHECK(m.body_before(1'005'000) <= 100'500);
  CHECK(m.body_before(1'005'000) >= 100'000);
  CHECK(m.body_before(1'010'000) == 101'000);
}
