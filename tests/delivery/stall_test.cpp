#include "delivery/stall.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using weir::Duration;
using weir::TimePoint;
using weir::delivery::Patience;
using weir::delivery::Sample;
using weir::delivery::StallTimeout;

namespace {

constexpr TimePoint kStart{1h};

Sample at(Duration t, std::uint64_t acked, std::uint64_t queued, Duration lag = 0s) {
  return {kStart + t, acked, queued, lag};
}

}  // namespace

TEST_CASE("a client that owes nothing is never on the clock") {
  StallTimeout stall(60s);
  CHECK(stall.on(at(0s, 0, 0)).look_again == TimePoint::max());
  CHECK(stall.on(at(10h, 0, 0)).patience == Patience::kKeep);
}

TEST_CASE(
    "a client that acknowledges nothing while it owes is stalled after the limit, not before") {
  StallTimeout stall(60s);
  CHECK(stall.on(at(0s, 100, 5000)).patience == Patience::kKeep);
  CHECK(stall.on(at(59s, 100, 5000)).patience == Patience::kKeep);
  CHECK(stall.on(at(59s, 100, 5000)).look_again == kStart + 60s);
  CHECK(stall.on(at(60s, 100, 5000)).patience == Patience::kStalled);
  CHECK(stall.standstill(kStart + 60s) == 60s);
}

TEST_CASE("one acknowledged byte starts the clock anew") {
  StallTimeout stall(60s);
  stall.on(at(0s, 100, 5000));
  stall.on(at(59s, 101, 4999));
  CHECK(stall.on(at(118s, 101, 4999)).patience == Patience::kKeep);
  CHECK(stall.on(at(119s, 101, 4999)).patience == Patience::kStalled);
}

TEST_CASE("bytes handed to the kernel are no progress") {
  StallTimeout stall(60s);
  stall.on(at(0s, 100, 5000));
  CHECK(stall.on(at(60s, 100, 900000)).patience == Patience::kStalled);
}

TEST_CASE("a debt paid and made again starts the clock anew") {
  StallTimeout stall(60s);
  stall.on(at(0s, 100, 5000));
  stall.on(at(50s, 5100, 0));
  stall.on(at(1000s, 5100, 10));
  CHECK(stall.on(at(1059s, 5100, 10)).patience == Patience::kKeep);
  CHECK(stall.on(at(1060s, 5100, 10)).patience == Patience::kStalled);
}

TEST_CASE("a worker's own delay is not the client's") {
  StallTimeout stall(60s);
  stall.on(at(0s, 100, 5000));
  CHECK(stall.on(at(62s, 100, 5000, 5s)).patience == Patience::kKeep);
  CHECK(stall.on(at(65s, 100, 5000)).patience == Patience::kStalled);
}

TEST_CASE("samples are asked for once a second while data is owed") {
  StallTimeout stall(60s);
  CHECK(stall.on(at(0s, 100, 5000)).look_again == kStart + 1s);
}
