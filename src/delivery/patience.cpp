#include "delivery/patience.h"

#include <algorithm>
#include <utility>

namespace weir::delivery {
namespace {

using What = Decision::What;

// So many unanswered questions of the kernel's own are no chance any more (kernel-facts A).
constexpr std::uint32_t kQuestions = 2;
// An answer to a probe moves the last-heard time by a second at least, for it is sent after one of
// silence; less is the grain of clocks.
constexpr Duration kHeardAnew = std::chrono::milliseconds(500);
// Steps in which a grown receive buffer opens (kernel-facts A: 510 KB).
constexpr std::uint64_t kRateStep = 512 * 1024;
// Standstill that says nothing yet.
constexpr Duration kShortStandstill = std::chrono::seconds(5);
// There is no event for the last acknowledgement (kernel-facts F): look soon, then less and less
// often.
constexpr Duration kLingerLookFirst = std::chrono::milliseconds(50);
constexpr int kLingerLookPart = 4;
constexpr int kStandstillPart = 4;  // of the standstill, between two looks
// Looks never come closer than this, whatever the settings.
constexpr Duration kLookLeast = std::chrono::milliseconds(10);
// Until what the kernel shows has come as an event, too.
constexpr Duration kEventIsHere = std::chrono::milliseconds(100);

Decision reap(CloseReason why) { return {What::kReap, why}; }
Decision keep(TimePoint until, Forecast forecast = {}) {
  return {What::kKeep, CloseReason::kOpen, until, forecast};
}

}  // namespace

Decision Patience::on(const Sample& sample) {
  // First: after a reset the kernel's counters are stale.
  if (sample.state == TcpState::kClose) return step_closed(sample);
  account(sample);
  if (sample.queued > 0) return step_owing(sample);
  switch (sample.phase) {
    case Phase::kLingering:
      return step_lingering(sample);
    case Phase::kAwaitingOrigin:
    case Phase::kSending:
      return peer_finished(sample) ? step_waiting(sample) : keep(TimePoint::max());
    case Phase::kIdle:
    case Phase::kReading:  // a FIN here is the session's to judge
      break;
  }
  return keep(TimePoint::max());
}

bool Patience::progressing(TimePoint now) const {
  const Duration usual = std::chrono::milliseconds(longest_ms_) * 3 / 2;
  return standstill(now) <= std::max(kShortStandstill, usual);
}

// ---- what the sample says of the debt

void Patience::account(const Sample& sample) {
  const bool owes = sample.queued > 0;
  const std::uint64_t moved = sample.acked > acked_ ? sample.acked - acked_ : 0;
  const Duration gap = owing_ && sample.now > last_ ? sample.now - last_ : Duration::zero();
  const Duration forgiven = std::min(gap, lateness(sample.loop_lag));
  if (owing_ && moved > 0) {
    const auto ended =
        std::chrono::duration_cast<std::chrono::milliseconds>(standstill(sample.now));
    longest_ms_ = std::max(longest_ms_, static_cast<std::uint32_t>(ended.count()));
  }
  if (!owes || !owing_ || moved > 0) {
    since_ = sample.now;
  } else {
    since_ += forgiven;
  }
  acked_ += moved;
  note_silence(sample, forgiven);
  judge_rates(sample, gap - forgiven, moved);
  owing_ = owes;
  last_ = sample.now;
}

void Patience::note_silence(const Sample& sample, Duration forgiven) {
  const std::uint32_t count = sample.queued > 0 ? sample.retransmits + sample.probes : 0;
  const auto questions = static_cast<std::uint16_t>(std::min<std::uint32_t>(count, UINT16_MAX));
  if (questions == 0) {
    unheard_since_ = TimePoint{};
  } else if (sample.now - sample.last_ack_age > unheard_since_) {
    unheard_since_ = asked_at_ = sample.now;
  } else {
    unheard_since_ += forgiven;
    if (questions > questions_) asked_at_ = sample.now;
  }
  questions_ = questions;
}

void Patience::judge_rates(const Sample& sample, Duration passed, std::uint64_t moved) {
  if (!owing_ || sample.queued == 0 || acked_ >= debt_end_) {
    trickle_.fill(settings_->zero_window_timeout);
    debt_end_ = acked_ + sample.queued;
  } else {
    trickle_.spend(passed);
    trickle_.earn(moved, settings_->trickle_rate, settings_->zero_window_timeout);
  }
  if (settings_->min_rate == 0) return;
  // Only while there was more to send at both ends: else Weir or the origin was what limited.
  const bool backlog = sample.notsent > 0;
  if (!owing_) rate_.fill(rate_window());
  if (backlog_ && backlog) rate_.spend(passed);
  rate_.earn(moved, settings_->min_rate, rate_window());
  backlog_ = backlog;
}

Duration Patience::rate_window() const {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
      static_cast<double>(kRateStep) / static_cast<double>(settings_->min_rate)));
}

// Who stood still for long is looked at less often: there are many such, and each look costs system
// calls. Not so one that may be dead: half-closed, or not answering.
TimePoint Patience::next_look(const Sample& sample, Duration left) const {
  const Duration usual = std::max(kLookLeast, settings_->look_every);
  const bool doubtful = peer_finished(sample) || unheard_since_ != TimePoint{};
  const Duration slow = std::clamp(standstill(sample.now) / kStandstillPart, usual, 3 * usual);
  const Duration most = doubtful ? usual : slow;
  return after(sample.now, std::clamp(left, kLookLeast, most));
}

// ---- Closed: the kernel is through with the connection

// A reset, or the kernel gave up; the session, which holds SO_ERROR, can tell them apart.
Decision Patience::step_closed(const Sample& sample) {
  const bool all_and_fin = sample.written > 0 && sample.acked == sample.written + 1;
  if (sample.phase == Phase::kLingering && all_and_fin) {
    return {What::kClose, CloseReason::kResponseDone};
  }
  // Both ended in order, and what the client said before its FIN is still being read (a tunnel).
  // The kernel may know of the FIN before its event is here: one more look is owed.
  if (sample.phase == Phase::kSending && sample.acked > sample.written) {
    if (sample.peer_fin) return keep(TimePoint::max());
    if (!std::exchange(closed_, true)) return keep(after(sample.now, kEventIsHere));
  }
  return reap(asked_ > 0 && !lingering_ ? CloseReason::kHalfClosedDead
                                        : CloseReason::kResetByClient);
}

// ---- Owing

Decision Patience::step_owing(const Sample& sample) {
  asked_ = 0;
  const bool fin = peer_finished(sample);
  const Duration limit = fin ? settings_->half_closed_stall_timeout : settings_->stall_timeout;
  const Duration silent = silence(sample);
  if (vanished(sample, silent)) {
    return reap(fin ? CloseReason::kStalledHalfClosed : CloseReason::kStalled);
  }
  if (trickle_.spent()) return reap(slow_reason(sample, standstill(sample.now)));
  if (settings_->min_rate > 0 && rate_.spent()) return reap(CloseReason::kTooSlow);

  Duration left = trickle_.left();
  if (silent < limit) left = std::min(left, limit - silent);
  if (sample.phase == Phase::kLingering) {
    left = std::min(left, std::max(kLingerLookFirst, standstill(sample.now) / kLingerLookPart));
  }
  return keep(next_look(sample, left), forecast(sample, silent));
}

// Silence from before the debt is no fault, nor is a standstill during which something was heard.
Duration Patience::silence(const Sample& sample) const {
  if (peer_finished(sample)) {
    return std::min(sample.last_ack_age - lateness(sample.loop_lag), standstill(sample.now));
  }
  return unheard_since_ == TimePoint{} ? Duration::zero() : sample.now - unheard_since_;
}

bool Patience::vanished(const Sample& sample, Duration silent) const {
  if (peer_finished(sample)) {
    return silent >= settings_->half_closed_stall_timeout &&
           (sample.retransmits >= settings_->half_closed_retransmits ||
            sample.probes >= kQuestions);
  }
  const Duration limit = settings_->stall_timeout;
  if (silent < limit || questions_ < kQuestions) return false;
  return asked_at_ - unheard_since_ >= limit - limit / 4 || silent >= limit + limit / 2;
}

CloseReason Patience::slow_reason(const Sample& sample, Duration still) const {
  if (still < settings_->zero_window_timeout / 2) return CloseReason::kTooSlow;
  if (window_shut(sample) && questions_ < kQuestions) return CloseReason::kZeroWindow;
  return peer_finished(sample) ? CloseReason::kStalledHalfClosed : CloseReason::kStalled;
}

Forecast Patience::forecast(const Sample& sample, Duration silent) const {
  const bool fin = peer_finished(sample);
  const Duration still = standstill(sample.now);
  Forecast out;
  const auto comes = [&](CloseReason why, Duration in) {
    const TimePoint at = after(sample.now, std::max(in, Duration::zero()));
    if (at < out.at) out = {why, at};
  };
  const Duration left = trickle_.left();
  if (still > Duration::zero() || left < settings_->zero_window_timeout * 3 / 4) {
    comes(slow_reason(sample, still + left), left);
  }
  if (questions_ > 0 && silent > Duration::zero()) {
    comes(fin ? CloseReason::kStalledHalfClosed : CloseReason::kStalled,
          (fin ? settings_->half_closed_stall_timeout : settings_->stall_timeout) - silent);
  }
  if (settings_->min_rate > 0 && backlog_ && rate_.left() < rate_window() / 2) {
    comes(CloseReason::kTooSlow, rate_.left());
  }
  return out;
}

// ---- Waiting: half-closed, nothing owed

Decision Patience::step_waiting(const Sample& sample) {
  const TimePoint heard = sample.now - sample.last_ack_age;
  if (asked_ > 0) {
    asked_at_ += std::min(sample.now - asked_at_, lateness(sample.loop_lag));
    const bool answered = heard > heard_ + kHeardAnew;
    if (!answered) {
      const TimePoint answer_due = after(asked_at_, probe_spacing(sample));
      if (sample.now < answer_due) return keep(answer_due, dead_by(answer_due, sample));
      if (asked_ >= settings_->probes && sample.probes >= settings_->probes) {
        return reap(CloseReason::kHalfClosedDead);
      }
      // None in the kernel's count: none was sent (keepalive is off), which proves nothing.
      if (sample.probes > 0) return probe(sample, heard_);
    }
    asked_ = 0;
  }
  const TimePoint due = after(std::max(heard, asked_at_),
                              asked_before_ ? settings_->probe_every : settings_->probe_after);
  return sample.now >= due ? probe(sample, heard) : keep(due);
}

Decision Patience::probe(const Sample& sample, TimePoint heard) {
  heard_ = heard;
  asked_at_ = sample.now;
  asked_before_ = true;
  if (asked_ < UINT8_MAX) ++asked_;
  const TimePoint answer_due = after(sample.now, probe_spacing(sample));
  return {What::kProbe, CloseReason::kOpen, answer_due, dead_by(answer_due, sample)};
}

// The first probe is a question, those behind it are a count.
Forecast Patience::dead_by(TimePoint answer_due, const Sample& sample) const {
  if (asked_ < 2) return {};
  const auto more = static_cast<int>(settings_->probes) - asked_;
  return {CloseReason::kHalfClosedDead,
          after(answer_due, std::max(more, 0) * probe_spacing(sample))};
}

Duration Patience::probe_spacing(const Sample& sample) const {
  return std::max(settings_->probe_spacing, 2 * (sample.rtt + 4 * sample.rtt_var));
}

// ---- Lingering: all acknowledged, our FIN too

Decision Patience::step_lingering(const Sample& sample) {
  if (peer_finished(sample)) return {What::kClose, CloseReason::kResponseDone};
  if (!lingering_) {
    lingering_ = true;
    heard_ = asked_at_ = sample.now;
  } else if (sample.segs_in != segs_in_) {
    asked_at_ = sample.now;
  } else {
    asked_at_ += std::min(sample.now - asked_at_, lateness(sample.loop_lag));
  }
  segs_in_ = sample.segs_in;
  const TimePoint end =
      std::min(after(asked_at_, settings_->linger_timeout), after(heard_, settings_->linger_max));
  if (sample.now >= end) return {What::kClose, CloseReason::kLingerTimeout};
  return keep(end, {CloseReason::kLingerTimeout, end});
}

}  // namespace weir::delivery
