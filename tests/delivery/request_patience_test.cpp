#include "delivery/request_patience.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using weir::Duration;
using weir::TimePoint;
using namespace weir::delivery;

namespace {

constexpr TimePoint kStart{1h};
constexpr RequestSettings kSettings;

struct BodyOutcome {
  CloseReason reason = CloseReason::kOpen;
  Duration at{0};
};

// `bytes` every `every`, for so long.
BodyOutcome send_body(std::uint64_t bytes, Duration every, Duration most) {
  RequestPatience patience(kSettings);
  TimePoint look = patience.begin_body(kStart, 0).look_again;
  std::uint64_t received = 0;
  TimePoint next = kStart + every;
  for (TimePoint now = kStart; now < kStart + most;) {
    now = std::min(look, next);
    if (now == next) {
      received += bytes;
      next += every;
    }
    const auto decision = patience.on_body(now, received, true, 0s);
    if (decision.reason != CloseReason::kOpen) return {decision.reason, now - kStart};
    look = decision.look_again;
  }
  return {};
}

}  // namespace

TEST_CASE("a head may come byte by byte, but has head_timeout in all") {
  RequestPatience patience(kSettings);
  CHECK(patience.begin_head(kStart).look_again == kStart + 30s);
  for (int i = 1; i <= 300; ++i) {
    const auto d = patience.on_head(kStart + i * 20ms, 0s);
    REQUIRE(d.reason == CloseReason::kOpen);
    REQUIRE(d.look_again == kStart + 30s);
  }
  CHECK(patience.on_head(kStart + 29999ms, 0s).reason == CloseReason::kOpen);
  CHECK(patience.on_head(kStart + 30s, 0s).reason == CloseReason::kRequestTimeout);
}

TEST_CASE("each head has patience of its own") {
  RequestPatience patience(kSettings);
  patience.begin_head(kStart);
  patience.on_head(kStart + 29s, 0s);
  CHECK(patience.begin_head(kStart + 60s).look_again == kStart + 90s);
}

TEST_CASE("request bodies are judged by what they bring") {
  struct Row {
    const char* what;
    std::uint64_t bytes;
    Duration every;
    CloseReason reason;
    Duration earliest, latest;
  };
  constexpr Duration kNever = 0s;
  const Row rows[] = {
      {"300 B/s", 300, 1s, CloseReason::kOpen, kNever, kNever},
      {"250 B/s, byte by byte", 1, 4ms, CloseReason::kOpen, kNever, kNever},
      {"15 KB every 55 s", 15'000, 55s, CloseReason::kOpen, kNever, kNever},
      {"nothing", 0, 1s, CloseReason::kBodyTimeout, 60s, 60s},
      {"one byte every 10 s", 1, 10s, CloseReason::kBodyTooSlow, 60s, 61s},
      {"one byte every 59 s", 1, 59s, CloseReason::kBodyTooSlow, 60s, 61s},
      {"100 B/s", 100, 1s, CloseReason::kBodyTooSlow, 100s, 105s},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    const BodyOutcome outcome = send_body(row.bytes, row.every, 10min);
    CHECK(outcome.reason == row.reason);
    CHECK(outcome.at >= row.earliest);
    CHECK(outcome.at <= row.latest);
  }
}

TEST_CASE("time in which Weir does not read is not the client's") {
  RequestPatience patience(kSettings);
  patience.begin_body(kStart, 0);
  CHECK(patience.on_body(kStart + 50s, 0, false, 0s).look_again == TimePoint::max());
  CHECK(patience.on_body(kStart + 1000s, 0, true, 0s).look_again == kStart + 1010s);
  CHECK(patience.on_body(kStart + 1009s, 0, true, 0s).reason == CloseReason::kOpen);
  CHECK(patience.on_body(kStart + 1010s, 0, true, 0s).reason != CloseReason::kOpen);
}

TEST_CASE("a late worker condemns no request: its bytes may be waiting") {
  RequestPatience patience(kSettings);
  patience.begin_head(kStart);
  CHECK(patience.on_head(kStart + 31s, 2s).look_again == kStart + 32s);
  CHECK(patience.on_head(kStart + 32s, 0s).reason == CloseReason::kRequestTimeout);
  patience.begin_body(kStart, 0);
  CHECK(patience.on_body(kStart + 61s, 0, true, 5s).reason == CloseReason::kOpen);
}
