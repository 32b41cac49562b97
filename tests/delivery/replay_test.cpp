#include "delivery/replay.h"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

namespace weir::delivery {
namespace {

using namespace std::chrono_literals;

// A client whose window is shut from `shut` to `open` seconds and that answers probes, a sample
// each `spacing` seconds until `end`.
struct Client {
  int shut = 10;
  int open = 1000;
  int end = 60;
  int spacing = 1;
};

std::vector<Sample> samples(const Client& c) {
  std::vector<Sample> out;
  std::uint64_t acked = 0;
  for (int t = 0; t <= c.end; t += c.spacing) {
    const bool still = t > c.shut && t < c.open;
    if (!still) acked += 1'000'000;
    Sample s;
    s.now = TimePoint(std::chrono::seconds(t));
    s.phase = Phase::kSending;
    s.acked = acked;
    s.queued = s.notsent = 500'000;
    s.written = acked + s.queued;
    s.snd_wnd = still ? 0 : 65536;
    s.last_ack_age = 100ms;
    out.push_back(s);
  }
  return out;
}

TEST_CASE("whoever is cut is alive, dead or not known by what was recorded behind it") {
  struct Row {
    Client client;
    int limit;  // zero_window_timeout, seconds
    bool cut;
    int at;  // seconds
    Fate fate;
    std::optional<CloseReason> end;  // recorded, a second behind the last sample
  };
  using enum CloseReason;
  for (const Row& row : {
           Row{{.open = 40}, 20, true, 30, Fate::kAlive, {}},
           Row{{.open = 40}, 30, false, 0, Fate::kUnknown, {}},
           Row{{.open = 40}, 60, false, 0, Fate::kUnknown, {}},
           Row{{}, 20, true, 30, Fate::kDead, {}},
           Row{{}, 20, true, 30, Fate::kDead, kZeroWindow},
           Row{{}, 20, true, 30, Fate::kDead, kResetByClient},
           Row{{}, 20, true, 30, Fate::kDead, kDraining},
           Row{{}, 20, true, 30, Fate::kAlive, kClientClosed},
           Row{{.end = 30}, 20, true, 30, Fate::kUnknown, {}},
           Row{{.end = 29}, 20, false, 0, Fate::kUnknown, kZeroWindow},
       }) {
    CAPTURE(row.limit);
    CAPTURE(row.client.open);
    CAPTURE(row.client.end);
    Settings settings;
    settings.zero_window_timeout = std::chrono::seconds(row.limit);
    Replay replay(settings);
    const auto all = samples(row.client);
    for (const Sample& s : all) replay.on(s);
    if (row.end) replay.on_end({all.back().now + 1s, 0, all.back().acked, *row.end});
    CHECK(replay.cut() == row.cut);
    CHECK_FALSE(replay.perhaps());
    if (!row.cut) continue;
    CHECK(replay.reason() == kZeroWindow);
    CHECK(replay.at() == TimePoint(std::chrono::seconds(row.at)));
    CHECK(replay.fate() == row.fate);
  }
}

TEST_CASE("who got on between two looks that were too far apart is cut perhaps") {
  Settings settings;
  settings.zero_window_timeout = 2s;
  Replay coarse(settings);
  for (const Sample& s : samples({.shut = 0, .open = 3, .end = 6, .spacing = 3})) coarse.on(s);
  CHECK_FALSE(coarse.cut());
  Replay standing(settings);  // one look in between, which is too early
  for (Sample s : samples({.shut = 0, .open = 4, .end = 8, .spacing = 1})) {
    if (s.now == TimePoint(2s) || s.now == TimePoint(3s)) continue;
    standing.on(s);
  }
  CHECK_FALSE(standing.cut());
  CHECK(standing.perhaps());
  CHECK(standing.reason() == CloseReason::kZeroWindow);
  CHECK(standing.at() == TimePoint(2s));
}

TEST_CASE("whoever left by itself was not cut") {
  for (const CloseReason reason : {CloseReason::kResetByClient, CloseReason::kResponseDone}) {
    Settings settings;
    Replay replay(settings);
    Sample s;
    s.now = TimePoint(1s);
    s.phase = reason == CloseReason::kResponseDone ? Phase::kLingering : Phase::kSending;
    s.state = TcpState::kClose;
    s.written = 10;
    s.acked = 11;
    replay.on(s);
    replay.on_end({s.now, 0, 10, reason});
    CHECK_FALSE(replay.cut());
    CHECK_FALSE(replay.perhaps());
  }
}

TEST_CASE("what Patience decides counts as cut, and nothing else") {
  int cuts = 0;
  for (std::size_t i = 0; i < kCloseReasons; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    if (is_cut(reason)) ++cuts;
    if (is_cut(reason)) CHECK(info(reason).is_error);
  }
  CHECK(cuts == 5);
  CHECK_FALSE(is_cut(CloseReason::kLingerTimeout));
  CHECK_FALSE(is_cut(CloseReason::kResetByClient));
}

}  // namespace
}  // namespace weir::delivery
