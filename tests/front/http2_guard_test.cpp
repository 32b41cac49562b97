#include "front/http2_guard.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::front;
using delivery::CloseReason;
using Nuisance = Http2Guard::Nuisance;

TEST_CASE("what comes too fast ends the connection, each kind by its own reason") {
  const std::pair<Nuisance, CloseReason> kinds[] = {
      {Nuisance::kReset, CloseReason::kRapidReset},
      {Nuisance::kProvoked, CloseReason::kProvokedResets},
      {Nuisance::kControl, CloseReason::kControlFlood},
      {Nuisance::kContinuation, CloseReason::kContinuationFlood},
      {Nuisance::kEmpty, CloseReason::kEmptyFrames},
  };
  for (const auto& [kind, reason] : kinds) {
    Http2Guard guard;
    const TimePoint now{std::chrono::hours(1)};
    int n = 0;
    while (guard.on(kind, now) == CloseReason::kOpen) REQUIRE(++n < 1000);
    CHECK(n >= 64);
    CHECK(guard.on(kind, now) == reason);
    for (const auto& [other, ignored] : kinds) {
      if (other != kind) CHECK(guard.on(other, now) == CloseReason::kOpen);
    }
  }
}

TEST_CASE("the same at a pace that people and browsers keep is fine for ever") {
  Http2Guard guard;
  TimePoint now{std::chrono::hours(1)};
  for (int second = 0; second < 1000; ++second) {
    for (int i = 0; i < 40; ++i) REQUIRE(guard.on(Nuisance::kReset, now) == CloseReason::kOpen);
    now += std::chrono::seconds(1);
  }
}
