#pragma once
// Patience: may this client stay? One small machine a connection, over samples. Progress is what
// the client acknowledged; what the kernel accepted says nothing.
//
//           queued > 0               vanished, or allowance spent
//   Quiet --------------> Owing ----------------------------------> reap
//     ^ <--all acknowledged--'
//     |
//     |-- FIN seen, response still to come --> Waiting --no answer to 3 probes--> reap
//     '-- our FIN acknowledged --> Lingering --the client's FIN, or silence--> close
//
// Owing has two clocks:
// - silence: the kernel asked again and again (retransmits, probes) and heard nothing, the client
//   vanished. stall_timeout from the first question, and one of the questions must have come in its
//   last quarter, so that a link that was dark for three quarters of it always had the chance to
//   answer: old kernels double the interval for ever. Once the FIN was seen:
//   half_closed_stall_timeout from the last word.
// - allowance: zero_window_timeout in all, bought back by acknowledged bytes at trickle_rate. A
//   shut window spends it in exactly zero_window_timeout; a reader that takes a little now and then
//   spends it not much later; one above trickle_rate never does. It is full again whenever all that
//   was owed at some moment has been acknowledged, so only backlogs count and never how slowly an
//   origin brings the bytes.
//
// Why acknowledged bytes and not "the last progress": a receiver opens its window in steps, of a
// segment up to half its buffer (kernel-facts A and L). 100 B/s into a standard 128 KiB buffer is a
// first step of some KiB after 80 s and then 64 KiB every 11 minutes; into a small buffer, 2 KiB
// every 20 s. Any clock that a single step restarts either cuts honest readers or never ends.
//
// Waiting: the client half-closed and is owed nothing yet, since the origin is slow. The kernel
// sends nothing then and cannot tell, so it is asked to probe (kernel-facts D).
//
// A late worker condemns nobody: time in which it was late is not counted.

#include <cstdint>

#include "base/time.h"
#include "delivery/allowance.h"
#include "delivery/close_reason.h"
#include "delivery/sample.h"

namespace weir::delivery {

// Of the conf file; shared by all connections and outlives them.
struct Settings {
  // Between samples while data is owed; up to three times as long for who has stood still for long.
  Duration look_every = std::chrono::seconds(1);
  Duration stall_timeout = std::chrono::seconds(60);
  Duration half_closed_stall_timeout = std::chrono::seconds(8);
  std::uint32_t half_closed_retransmits = 4;
  Duration zero_window_timeout = std::chrono::seconds(120);
  std::uint64_t trickle_rate = 1024;  // bytes/s; 0: any acknowledged byte gives all patience back
  std::uint64_t min_rate = 0;         // bytes/s, judged over 512 KiB / min_rate; 0: off
  Duration probe_after = std::chrono::seconds(1);  // the FIN; not less (kernel-facts D)
  Duration probe_every = std::chrono::seconds(5);
  // Between probes once one is unanswered; at least also 2 x (rtt + 4 rttvar).
  Duration probe_spacing = std::chrono::milliseconds(500);
  std::uint32_t probes = 3;
  Duration linger_timeout = std::chrono::seconds(5);  // all acknowledged, the client silent
  Duration linger_max = std::chrono::seconds(30);     // all acknowledged, the client still sending
};

// What the client will be ended for, and when, if nothing more is heard of it until then. Only of
// clocks that run against it: one who gets on has none.
struct Forecast {
  CloseReason reason = CloseReason::kOpen;  // kOpen: nothing
  TimePoint at = TimePoint::max();
};

struct Decision {
  enum class What : std::uint8_t {
    kKeep,
    kProbe,  // keep, and have the kernel send a keepalive probe now (TCP_KEEPIDLE 1)
    kClose,  // lingering is over: nothing is owed, a plain close() is right
    kReap,   // SO_LINGER{1,0} and close: a plain close would keep the kernel's memory for minutes
  };
  What what = What::kKeep;
  CloseReason reason = CloseReason::kOpen;  // with kClose and kReap
  // max: nothing to watch until the next write, FIN or phase.
  TimePoint look_again = TimePoint::max();
  Forecast forecast{};  // with kKeep and kProbe
};

// Not thread-safe; no memory but its own.
class Patience {
 public:
  explicit Patience(const Settings& settings) : settings_(&settings) {}

  // Sample when the last Decision's look_again has come, when bytes were left owed by a write and
  // look_again is max, when the FIN is seen, and when lingering begins. More often does no harm.
  Decision on(const Sample& sample);

  // How long nothing has been acknowledged while something was owed.
  Duration standstill(TimePoint now) const {
    return owing_ && now > since_ ? now - since_ : Duration::zero();
  }
  // Whether the standstill is none, or no longer than is usual for this client: a slow reader's
  // bytes come in steps. For those who must choose whom to sacrifice (pressure.h).
  bool progressing(TimePoint now) const;

 private:
  Decision step_closed(const Sample& sample);
  Decision step_owing(const Sample& sample);
  Decision step_waiting(const Sample& sample);
  Decision step_lingering(const Sample& sample);

  void account(const Sample& sample);
  void note_silence(const Sample& sample, Duration forgiven);
  void judge_rates(const Sample& sample, Duration passed, std::uint64_t moved);
  Duration rate_window() const;
  Duration probe_spacing(const Sample& sample) const;
  Forecast dead_by(TimePoint answer_due, const Sample& sample) const;
  Duration silence(const Sample& sample) const;
  bool vanished(const Sample& sample, Duration silent) const;
  CloseReason slow_reason(const Sample& sample, Duration still) const;
  Forecast forecast(const Sample& sample, Duration silent) const;
  Decision probe(const Sample& sample, TimePoint heard);
  TimePoint next_look(const Sample& sample, Duration left) const;

  const Settings* settings_;
  std::uint64_t acked_ = 0;
  std::uint64_t debt_end_ = 0;  // acknowledged up to here, all owed at some past sample is paid
  TimePoint last_{};            // sample
  TimePoint since_{};           // last progress, or the moment the debt began
  TimePoint unheard_since_{};  // first question of the kernel's without an answer since; zero: none
  Allowance trickle_;
  Allowance rate_;
  TimePoint heard_{};  // waiting: the last segment before the probe. lingering: when all was acked
  TimePoint asked_at_{};  // owing, waiting: the last question. lingering: the client's last segment
  std::uint32_t segs_in_ = 0;
  std::uint32_t longest_ms_ = 0;  // standstill that ended
  std::uint16_t questions_ = 0;   // of the kernel's, unanswered, at the last sample
  std::uint8_t asked_ = 0;        // probes since the last answer
  bool asked_before_ = false;     // since the FIN
  bool owing_ = false;            // at the last sample
  bool backlog_ = false;          // it had bytes that were not even sent
  bool lingering_ = false;        // heard_ and asked_at_ are lingering's
  bool closed_ = false;           // in order, it seems; the event was awaited
};
// An idle connection has 2 KiB for everything.
static_assert(sizeof(Patience) <= 96);

}  // namespace weir::delivery
