#include "delivery/patience.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using weir::Duration;
using weir::TimePoint;
using namespace weir::delivery;
using What = Decision::What;

namespace {

constexpr TimePoint kStart{1h};

// A client that owes bytes at a shut window and answers probes.
Sample owing(Duration t, std::uint64_t acked, std::uint64_t queued = 200'000) {
  Sample s;
  s.now = kStart + t;
  s.phase = Phase::kSending;
  s.acked = acked;
  s.queued = queued;
  s.written = acked + queued;
  s.notsent = static_cast<std::uint32_t>(queued);
  s.last_ack_age = 100ms;
  return s;
}

Sample vanished(Duration t, std::uint64_t acked, Duration silence) {
  Sample s = owing(t, acked);
  s.unacked = 100;
  s.snd_wnd = 64512;
  s.retransmits = 2 + static_cast<std::uint32_t>(t / 10s);
  s.last_ack_age = silence;
  return s;
}

// Half-closed, nothing owed.
Sample waiting(Duration t, Duration silence, std::uint32_t probes = 0) {
  Sample s;
  s.now = kStart + t;
  s.phase = Phase::kAwaitingOrigin;
  s.state = TcpState::kCloseWait;
  s.peer_fin = true;
  s.snd_wnd = 64512;
  s.probes = probes;
  s.last_ack_age = silence;
  s.rtt = 50us;
  return s;
}

Sample lingering(Duration t, std::uint64_t queued, std::uint32_t segs_in = 10) {
  Sample s;
  s.now = kStart + t;
  s.phase = Phase::kLingering;
  s.state = queued > 0 ? TcpState::kFinWait1 : TcpState::kFinWait2;
  s.written = 1000;
  s.acked = 1001 - queued;
  s.queued = queued;
  s.unacked = queued > 0 ? 1 : 0;
  s.snd_wnd = 64512;
  s.segs_in = segs_in;
  return s;
}

}  // namespace

TEST_CASE("who owes nothing and has not half-closed is not looked at") {
  const Settings settings;
  Patience patience(settings);
  for (const Phase phase :
       {Phase::kIdle, Phase::kReading, Phase::kAwaitingOrigin, Phase::kSending}) {
    Sample s = owing(0s, 100, 0);
    s.phase = phase;
    const Decision d = patience.on(s);
    CHECK(d.what == What::kKeep);
    CHECK(d.look_again == TimePoint::max());
  }
}

TEST_CASE("state CLOSE is believed before anything else, and its stale counters are not") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 100));
  Sample s = owing(1s, 5000, 3'300'000);
  s.state = TcpState::kClose;
  const Decision d = patience.on(s);
  CHECK(d.what == What::kReap);
  CHECK(d.reason == CloseReason::kResetByClient);
}

TEST_CASE("a shut window is reaped when zero_window_timeout has passed, not before") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 100));
  for (Duration t = 1s; t < 120s; t += 1s) REQUIRE(patience.on(owing(t, 100)).what == What::kKeep);
  const Decision d = patience.on(owing(120s, 100));
  CHECK(d.what == What::kReap);
  CHECK(d.reason == CloseReason::kZeroWindow);
  CHECK(patience.standstill(kStart + 120s) == 120s);
}

TEST_CASE("a few acknowledged bytes buy a few seconds, a debt paid in full buys all") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 0));
  CHECK(patience.on(owing(119s, 10 * 1024)).what == What::kKeep);  // 10 KiB: 10 s
  CHECK(patience.on(owing(128s, 10 * 1024)).what == What::kKeep);
  const Decision slow = patience.on(owing(130s, 10 * 1024));
  CHECK(slow.what == What::kReap);
  CHECK(slow.reason == CloseReason::kTooSlow);

  Patience paid(settings);
  paid.on(owing(0s, 0, 5000));
  CHECK(paid.on(owing(119s, 5000, 5000)).what == What::kKeep);
  CHECK(paid.on(owing(238s, 5000, 5000)).what == What::kKeep);
  CHECK(paid.on(owing(239s, 5000, 5000)).what == What::kReap);
}

TEST_CASE("an origin that trickles never makes its client look slow") {
  // A chunk of 100 bytes every second, always one on its way on a slow path.
  const Settings settings;
  Patience patience(settings);
  for (std::uint64_t i = 0; i < 3600; ++i) {
    Sample s = owing(i * 1s, i * 100, 150);
    s.notsent = 0;
    s.unacked = 2;
    REQUIRE(patience.on(s).what == What::kKeep);
  }
}

TEST_CASE("silence from before the debt is not held against the client") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 0, 0));
  CHECK(patience.on(vanished(0s, 0, 300s)).what == What::kKeep);
  CHECK(patience.on(vanished(59s, 0, 359s)).what == What::kKeep);
  const Decision d = patience.on(vanished(60s, 0, 360s));
  CHECK(d.what == What::kReap);
  CHECK(d.reason == CloseReason::kStalled);
}

TEST_CASE("a word from the client in the middle of a standstill begins its silence anew") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 0));
  patience.on(vanished(1s, 0, 1s));
  CHECK(patience.on(vanished(50s, 0, 5s)).what == What::kKeep);
  CHECK(patience.on(vanished(109s, 0, 64s)).what == What::kKeep);
  CHECK(patience.on(vanished(110s, 0, 65s)).reason == CloseReason::kStalled);
}

TEST_CASE("silence begins with the first unanswered question, not with the last word") {
  // Window probes are up to 10 s apart: 45 s without a link may look like 65 s before the next one.
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 0));
  const auto shut = [](Duration t, std::uint32_t probes, Duration silence) {
    Sample s = owing(t, 0);
    s.probes = probes;
    s.last_ack_age = silence;
    return s;
  };
  CHECK(patience.on(shut(20s, 0, 9s)).what == What::kKeep);
  CHECK(patience.on(shut(21s, 1, 10s)).what == What::kKeep);
  CHECK(patience.on(shut(80s, 7, 69s)).what == What::kKeep);
  CHECK(patience.on(shut(81s, 7, 70s)).reason == CloseReason::kStalled);
}

TEST_CASE("silence counts only if the kernel asked late in it, up to half again the limit") {
  // Without TCP_RTO_MAX_MS: retransmissions after 38 s and again after 76 s. Did the link come
  // back?
  const Settings settings;
  const auto lost = [](Duration t, std::uint32_t retransmits) {
    Sample s = vanished(t, 0, t);
    s.retransmits = retransmits;
    return s;
  };
  Patience patience(settings);
  patience.on(lost(0s, 1));
  patience.on(lost(38s, 7));
  CHECK(patience.on(lost(75s, 7)).what == What::kKeep);
  CHECK(patience.on(lost(76s, 8)).reason == CloseReason::kStalled);
  Patience rare(settings);
  rare.on(lost(0s, 1));
  rare.on(lost(38s, 7));
  CHECK(rare.on(lost(89s, 7)).what == What::kKeep);
  CHECK(rare.on(lost(90s, 7)).reason == CloseReason::kStalled);
}

TEST_CASE("after the FIN the limit is 8 s and four retransmissions, or two probes") {
  const Settings settings;
  const auto judge = [&](Duration silence, std::uint32_t retransmits, std::uint32_t probes) {
    Patience patience(settings);
    patience.on(owing(0s, 0));
    Sample s = vanished(silence, 0, silence);
    s.state = TcpState::kCloseWait;
    s.retransmits = retransmits;
    s.probes = probes;
    if (probes > 0) s.unacked = s.snd_wnd = 0;
    return patience.on(s);
  };
  CHECK(judge(8s, 4, 0).reason == CloseReason::kStalledHalfClosed);
  CHECK(judge(7900ms, 6, 0).what == What::kKeep);
  CHECK(judge(20s, 3, 0).what == What::kKeep);
  CHECK(judge(8s, 0, 2).reason == CloseReason::kStalledHalfClosed);
  CHECK(judge(20s, 0, 1).what == What::kKeep);
}

TEST_CASE("a late worker condemns nobody") {
  const Settings settings;
  struct Case {
    const char* what;
    Sample sample;
  };
  for (Case c : {Case{"shut window", owing(130s, 0)}, Case{"vanished", vanished(62s, 0, 62s)}}) {
    CAPTURE(std::string(c.what));
    Sample first = c.sample;
    first.now = kStart;
    first.last_ack_age = 0s;
    if (first.retransmits > 0) first.retransmits = 1;
    Patience on_time(settings);
    on_time.on(first);
    CHECK(on_time.on(c.sample).what == What::kReap);
    Patience late(settings);
    late.on(first);
    c.sample.loop_lag = 15s;
    CHECK(late.on(c.sample).what == What::kKeep);
    c.sample.loop_lag = 0s;
    c.sample.now += 20s;
    c.sample.last_ack_age += 20s;
    CHECK(late.on(c.sample).what == What::kReap);
  }
}

TEST_CASE("time in which the worker was late is no standstill") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 0));
  Sample s = owing(20s, 0);
  s.loop_lag = 15s;
  patience.on(s);
  CHECK(patience.standstill(kStart + 20s) == 5s);
  s = owing(21s, 0);
  s.loop_lag = 99ms;  // the grain of the worker's clock
  patience.on(s);
  CHECK(patience.standstill(kStart + 21s) == 6s);
}

TEST_CASE("a late worker asks a half-closed client again before it condemns it") {
  const Settings settings;
  Patience patience(settings);
  patience.on(waiting(0s, 0s));
  patience.on(waiting(1s, 1s));
  patience.on(waiting(1500ms, 1500ms, 1));
  patience.on(waiting(2s, 2s, 2));
  Sample s = waiting(6s, 6s, 3);
  s.loop_lag = 4s;
  CHECK(patience.on(s).what == What::kKeep);
  CHECK(patience.on(waiting(6500ms, 6500ms, 3)).reason == CloseReason::kHalfClosedDead);
}

TEST_CASE("min_rate does not count while the origin is what limits") {
  Settings settings;
  settings.min_rate = 64 * 1024;  // judged over 8 s
  const auto judge = [&](std::uint32_t notsent) {
    Patience patience(settings);
    for (std::uint64_t i = 0; i < 100; ++i) {
      Sample s = owing(i * 1s, i * 10'000, 40'000);
      s.notsent = notsent;
      s.unacked = 10;
      const Decision d = patience.on(s);
      if (d.what == What::kReap) return d.reason;
    }
    return CloseReason::kOpen;
  };
  CHECK(judge(0) == CloseReason::kOpen);
  CHECK(judge(30'000) == CloseReason::kTooSlow);
}

TEST_CASE("looks are a second apart, and closer before a limit") {
  const Settings settings;
  Patience patience(settings);
  CHECK(patience.on(owing(0s, 0)).look_again == kStart + 1s);
  CHECK(patience.on(owing(119500ms, 0)).look_again == kStart + 120s);
  Patience vanishing(settings);
  vanishing.on(vanished(0s, 0, 0s));
  CHECK(vanishing.on(vanished(59400ms, 0, 59400ms)).look_again == kStart + 60s);
}

TEST_CASE(
    "a half-closed client that waits is probed at 1 s and every 5 s, and stays while it answers") {
  const Settings settings;
  Patience patience(settings);
  CHECK(patience.on(waiting(0s, 0s)).look_again == kStart + 1s);
  Decision d = patience.on(waiting(1s, 1s));
  CHECK(d.what == What::kProbe);
  CHECK(d.look_again == kStart + 1500ms);
  for (Duration t = 1500ms; t < 10min; t += 5s) {
    d = patience.on(waiting(t, 499ms));
    REQUIRE(d.what == What::kKeep);
    REQUIRE(d.look_again - kStart > t + 4s);
    d = patience.on(waiting(t + 4510ms, 5009ms));
    REQUIRE(d.what == What::kProbe);
  }
}

TEST_CASE("three unanswered probes prove a half-closed client dead, two seconds after its FIN") {
  const Settings settings;
  Patience patience(settings);
  patience.on(waiting(0s, 0s));
  CHECK(patience.on(waiting(1s, 1s)).what == What::kProbe);
  CHECK(patience.on(waiting(1200ms, 1200ms, 1)).what == What::kKeep);
  CHECK(patience.on(waiting(1500ms, 1500ms, 1)).what == What::kProbe);
  CHECK(patience.on(waiting(2s, 2s, 2)).what == What::kProbe);
  const Decision d = patience.on(waiting(2500ms, 2500ms, 3));
  CHECK(d.what == What::kReap);
  CHECK(d.reason == CloseReason::kHalfClosedDead);
}

TEST_CASE("two lost probes and an answer to the third: alive") {
  const Settings settings;
  Patience patience(settings);
  patience.on(waiting(0s, 0s));
  patience.on(waiting(1s, 1s));
  patience.on(waiting(1500ms, 1500ms, 1));
  patience.on(waiting(2s, 2s, 2));
  const Decision d = patience.on(waiting(2500ms, 499ms, 0));
  CHECK(d.what == What::kKeep);
  CHECK(d.look_again == kStart + 2001ms + 5s);
}

TEST_CASE("probes wait for long and uneven round trips") {
  const Settings settings;
  Patience patience(settings);
  Sample s = waiting(1s, 1s);
  s.rtt = 600ms;
  s.rtt_var = 100ms;
  CHECK(patience.on(s).look_again == kStart + 1s + 2s);
}

TEST_CASE("a probe that the kernel never sent proves nothing and is not repeated at once") {
  const Settings settings;
  Patience patience(settings);
  patience.on(waiting(0s, 0s));
  CHECK(patience.on(waiting(1s, 1s)).what == What::kProbe);
  const Decision d = patience.on(waiting(1500ms, 1500ms, 0));
  CHECK(d.what == What::kKeep);
  CHECK(d.look_again == kStart + 6s);
}

TEST_CASE("the kernel's own time-out in the middle of probing is the same proof") {
  const Settings settings;
  Patience patience(settings);
  patience.on(waiting(0s, 0s));
  patience.on(waiting(1s, 1s));
  Sample s = waiting(1500ms, 1500ms, 1);
  s.state = TcpState::kClose;
  CHECK(patience.on(s).reason == CloseReason::kHalfClosedDead);
}

TEST_CASE("no probes while something is owed: keepalive sleeps then") {
  const Settings settings;
  Patience patience(settings);
  patience.on(waiting(0s, 0s));
  CHECK(patience.on(waiting(1s, 1s)).what == What::kProbe);
  Sample s = owing(1500ms, 0);
  s.state = TcpState::kCloseWait;
  CHECK(patience.on(s).what == What::kKeep);
  CHECK(patience.on(waiting(3s, 1s, 3)).what == What::kKeep);
}

TEST_CASE("lingering ends when all is acknowledged and the client has ended its side") {
  const Settings settings;
  Patience patience(settings);
  CHECK(patience.on(lingering(0s, 500)).look_again == kStart + 50ms);
  CHECK(patience.on(lingering(50ms, 1)).what == What::kKeep);
  Sample s = lingering(100ms, 0);
  CHECK(patience.on(s).look_again == kStart + 100ms + 5s);
  s.peer_fin = true;
  const Decision d = patience.on(s);
  CHECK(d.what == What::kClose);
  CHECK(d.reason == CloseReason::kResponseDone);
}

TEST_CASE("lingering ends in state CLOSE when both FINs are acknowledged, and that is no reset") {
  const Settings settings;
  Patience patience(settings);
  patience.on(lingering(0s, 1));
  Sample s = lingering(100ms, 0);
  s.state = TcpState::kClose;
  CHECK(patience.on(s).what == What::kClose);
  s.acked = 900;
  CHECK(patience.on(s).reason == CloseReason::kResetByClient);
}

TEST_CASE(
    "state CLOSE after both FINs is no reset where what the client said is still being read") {
  const Settings settings;
  Patience patience(settings);
  Sample s = lingering(0s, 0);
  s.phase = Phase::kSending;
  s.state = TcpState::kClose;
  s.peer_fin = true;
  const Decision d = patience.on(s);
  CHECK(d.what == What::kKeep);
  CHECK(d.look_again == TimePoint::max());
  s.acked = 900;
  CHECK(patience.on(s).reason == CloseReason::kResetByClient);
}

TEST_CASE("state CLOSE after both FINs is no reset where the event of the FIN is yet to come") {
  const Settings settings;
  Patience patience(settings);
  Sample s = lingering(0s, 0);
  s.phase = Phase::kSending;
  s.state = TcpState::kClose;
  const Decision d = patience.on(s);
  CHECK(d.what == What::kKeep);
  CHECK(d.look_again == kStart + 100ms);
  Patience late = patience;
  s.now += 100ms;
  CHECK(late.on(s).reason == CloseReason::kResetByClient);  // none came
  s.peer_fin = true;
  CHECK(patience.on(s).what == What::kKeep);
}

TEST_CASE("lingering waits 5 s for a silent client and 30 s for one that still sends") {
  const Settings settings;
  Patience silent(settings);
  silent.on(lingering(0s, 0));
  CHECK(silent.on(lingering(4900ms, 0)).what == What::kKeep);
  CHECK(silent.on(lingering(5s, 0)).reason == CloseReason::kLingerTimeout);
  Patience sending(settings);
  for (std::uint32_t i = 0; i < 30; ++i)
    REQUIRE(sending.on(lingering(i * 1s, 0, i)).what == What::kKeep);
  const Decision d = sending.on(lingering(30s, 0, 30));
  CHECK(d.what == What::kClose);
  CHECK(d.reason == CloseReason::kLingerTimeout);
}

TEST_CASE("lingering never cuts a slow reader's tail, and never waits for a dead one") {
  const Settings settings;
  Patience slow(settings);
  for (std::uint64_t i = 0; i < 400; ++i) {
    Sample s = lingering(i * 1s, 900 * 1024 - i * 2048);
    s.acked = i * 2048;
    s.written = 900 * 1024;
    REQUIRE(slow.on(s).what == What::kKeep);
  }
  Patience dead(settings);
  Sample s = lingering(0s, 500);
  s.retransmits = 1;
  dead.on(s);
  s.now += 60s;
  s.retransmits = 7;
  s.last_ack_age = 60s;
  CHECK(dead.on(s).reason == CloseReason::kStalled);
}

TEST_CASE("a client counts as progressing up to half again its usual standstill") {
  const Settings settings;
  Patience patience(settings);
  patience.on(owing(0s, 0));
  CHECK(patience.progressing(kStart + 5s));
  CHECK_FALSE(patience.progressing(kStart + 6s));
  patience.on(owing(20s, 90'000));
  CHECK(patience.progressing(kStart + 20s + 30s));
  CHECK_FALSE(patience.progressing(kStart + 20s + 31s));
}

TEST_CASE("the forecast names the clock that runs against a client, and who gets on has none") {
  const Settings settings;
  const auto in = [](const Decision& d, Duration t) { return d.forecast.at - (kStart + t); };
  Patience shut(settings);
  shut.on(owing(0s, 100));
  for (const Duration t : {1s, 30s, 119s}) {
    const Decision d = shut.on(owing(t, 100));
    CHECK(d.forecast.reason == CloseReason::kZeroWindow);
    CHECK(in(d, t) == 120s - t);
  }

  Patience moving(settings);
  for (Duration t = 0s; t < 300s; t += 1s) {
    const Decision d = moving.on(owing(t, static_cast<std::uint64_t>(t / 1s) * 100'000));
    REQUIRE(d.forecast.reason == CloseReason::kOpen);
    REQUIRE(d.forecast.at == TimePoint::max());
  }

  Patience trickling(
      settings);  // 100 B/s against trickle_rate: 120 s bought back by 0.1 s a second
  Decision last;
  for (Duration t = 0s; t <= 60s; t += 1s) {
    last = trickling.on(owing(t, static_cast<std::uint64_t>(t / 1s) * 100));
  }
  CHECK(last.forecast.reason == CloseReason::kZeroWindow);  // should it stop now
  CHECK(in(last, 60s) > 60s);
  CHECK(in(last, 60s) < 70s);

  Patience silent(settings);
  silent.on(owing(0s, 100));
  silent.on(vanished(1s, 100, 1s));
  const Decision gone = silent.on(vanished(31s, 100, 31s));
  CHECK(gone.forecast.reason == CloseReason::kStalled);
  CHECK(in(gone, 31s) == 30s);
}

TEST_CASE(
    "the forecast of a half-closed client counts its probes, of a lingering one its silence") {
  const Settings settings;
  Patience patience(settings);
  CHECK(patience.on(waiting(0s, 0s)).forecast.reason == CloseReason::kOpen);
  CHECK(patience.on(waiting(1s, 1s)).forecast.reason == CloseReason::kOpen);  // the first question
  const Decision second = patience.on(waiting(1500ms, 1500ms, 1));
  CHECK(second.what == What::kProbe);
  CHECK(second.forecast.reason == CloseReason::kHalfClosedDead);
  CHECK(second.forecast.at == kStart + 2500ms);

  Patience leaving(settings);
  const Decision d = leaving.on(lingering(0s, 0));
  CHECK(d.forecast.reason == CloseReason::kLingerTimeout);
  CHECK(d.forecast.at == kStart + 5s);
}
