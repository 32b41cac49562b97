#pragma once
// SimulatedClient: a receiver with a buffer of so many bytes, an application that reads at a rate,
// and a window that reopens only when enough was read, as kernel-facts A and L measured; and the
// sending kernel's view of it: retransmissions and window probes that back off. Time moves in steps
// of 10 ms.

#include <algorithm>
#include <functional>

#include "delivery/patience.h"

namespace weir::delivery {

class SimulatedClient {
 public:
  struct Kind {
    double rate = 0;            // bytes/s the application reads
    double buffer = 120e3;      // bytes a window holds
    double reopen = 64e3;       // bytes to be read before a shut window opens again
    double first_reopen = 8e3;  // likewise, the first time
    double link = 50e6;         // bytes/s
    Duration rto_max = std::chrono::seconds(10);
    double response = 1e9;  // bytes in all
  };
  static constexpr Duration kStep = std::chrono::milliseconds(10);

  explicit SimulatedClient(const Kind& of) : kind(of), reopen_(of.first_reopen) {}

  Kind kind;
  bool reachable = true;
  bool fin = false;
  Duration loop_lag{0};

  TimePoint now() const { return now_; }
  double read() const { return read_; }

  void step() {
    now_ += kStep;
    const double dt = std::chrono::duration<double>(kStep).count();
    read_ = std::min(acked_, read_ + kind.rate * dt);
    const double room = kind.buffer - (acked_ - read_);
    if (shut_ && !announced_ && room >= std::min(reopen_, kind.buffer)) {
      announced_ = true;  // once; when that is lost, the answer to a probe tells
      if (reachable) open();
    }
    if (!shut_) send(room, dt);
    if (shut_ || in_flight_) ask();
  }

  Sample sample() const {
    Sample s;
    s.now = now_;
    s.phase = Phase::kSending;
    s.state = fin ? TcpState::kCloseWait : TcpState::kEstablished;
    s.peer_fin = fin;
    s.acked = static_cast<std::uint64_t>(acked_);
    const double left = kind.response - acked_;
    s.queued = static_cast<std::uint64_t>(std::min(left, in_flight_ ? 500e3 : 200e3));
    s.written = s.acked + s.queued;
    s.unacked = in_flight_ ? 268 : 0;
    s.notsent = static_cast<std::uint32_t>(std::min<double>(static_cast<double>(s.queued), 200e3));
    s.snd_wnd = shut_ ? 0 : 64512;
    s.retransmits = in_flight_ ? asked_ : 0;
    s.probes = in_flight_ ? 0 : asked_;
    s.backoff = backoff_;
    s.last_ack_age = now_ - heard_;
    s.rtt = std::chrono::microseconds(50);
    s.loop_lag = loop_lag;
    return s;
  }

 private:
  void hear() {
    heard_ = now_;
    asked_ = 0;
  }
  void open() {
    shut_ = announced_ = false;
    reopen_ = kind.reopen;
    hear();
  }
  void arm() { next_ = now_ + std::min(kRto * (1L << std::min(backoff_, 20U)), kind.rto_max); }

  void send(double room, double dt) {
    const double want = std::min({room, kind.link * dt, kind.response - acked_});
    if (!reachable) {
      if (!in_flight_ && want > 0) {
        in_flight_ = true;
        backoff_ = 0;
        arm();
      }
      return;
    }
    if (in_flight_) return;  // until the next retransmission
    if (want > 0) {
      acked_ += want;
      hear();
    }
    if (kind.buffer - (acked_ - read_) < 1) {
      shut_ = true;
      backoff_ = 0;
      arm();
    }
  }

  // The kernel asks again: a retransmission or a window probe.
  void ask() {
    if (now_ < next_) return;
    ++backoff_;
    if (reachable) {
      hear();
      in_flight_ = false;
      if (announced_) open();
    } else {
      ++asked_;
    }
    arm();
  }

  static constexpr Duration kRto = std::chrono::milliseconds(240);
  TimePoint now_{std::chrono::hours(1)};
  TimePoint heard_ = now_;
  TimePoint next_{};
  double acked_ = 0;
  double read_ = 0;
  double reopen_;
  std::uint32_t asked_ = 0;
  std::uint32_t backoff_ = 0;
  bool shut_ = false;
  bool announced_ = false;  // that the window is open again
  bool in_flight_ = false;
};

// What became of a client that Patience watched for so long.
struct Outcome {
  CloseReason reason = CloseReason::kOpen;  // kOpen: it was never cut
  Duration at{0};
  int samples = 0;
};

using Script = std::function<void(SimulatedClient&, Duration)>;

inline Outcome watch(SimulatedClient& client, const Settings& settings, Duration most,
                     const Script& script = {}) {
  Patience patience(settings);
  const TimePoint start = client.now();
  TimePoint look = start;
  Outcome outcome;
  while (client.now() - start < most) {
    if (script) script(client, client.now() - start);
    client.step();
    if (client.now() < look) continue;
    const Decision decision = patience.on(client.sample());
    ++outcome.samples;
    if (decision.what == Decision::What::kReap) {
      outcome.reason = decision.reason;
      outcome.at = client.now() - start;
      return outcome;
    }
    look = decision.look_again == TimePoint::max() ? client.now() + std::chrono::seconds(1)
                                                   : decision.look_again;
  }
  return outcome;
}

}  // namespace weir::delivery
