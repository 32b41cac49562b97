#include "delivery/replay.h"

#include <algorithm>
#include <array>

#include "delivery/receipt.h"

namespace weir::delivery {

std::string_view name(Fate fate) {
  constexpr std::array<std::string_view, kFates> kNames = {"unknown", "alive", "dead"};
  return kNames[static_cast<std::size_t>(fate)];
}

bool is_cut(CloseReason reason) {
  using enum CloseReason;
  constexpr std::array kCuts = {kStalled, kStalledHalfClosed, kZeroWindow, kTooSlow,
                                kHalfClosedDead};
  return std::ranges::find(kCuts, reason) != kCuts.end();
}

void Replay::on(const Sample& sample) {
  switch (state_) {
    case State::kJudging:
      return step_judging(sample);
    case State::kCut:
      return step_cut(sample.now, progress_of(sample).acked);
    case State::kOver:
      return;
  }
}

void Replay::step_judging(const Sample& sample) {
  note_gap(sample);
  const Decision decision = patience_.on(sample);
  acked_ = progress_of(sample).acked;
  forecast_ = decision.forecast;
  switch (decision.what) {
    case Decision::What::kKeep:
    case Decision::What::kProbe:
      return;
    case Decision::What::kClose:
      state_ = State::kOver;
      return;
    case Decision::What::kReap:
      break;
  }
  state_ = is_cut(decision.reason) ? State::kCut : State::kOver;
  if (state_ == State::kOver) return;
  reason_ = decision.reason;
  at_ = sample.now;
  fate_ = Fate::kUnknown;
}

// Would it have been cut before this sample, which shows that it got on?
void Replay::note_gap(const Sample& sample) {
  if (perhaps_ || !is_cut(forecast_.reason) || forecast_.at >= sample.now) return;
  if (progress_of(sample).acked <= acked_) return;
  perhaps_ = true;
  reason_ = forecast_.reason;
  at_ = forecast_.at;
  fate_ = Fate::kAlive;
}

void Replay::step_cut(TimePoint now, std::uint64_t acked) {
  if (now > at_) watched_ = now - at_;
  if (acked > acked_) fate_ = Fate::kAlive;
  if (fate_ == Fate::kUnknown && watched_ > Duration::zero()) fate_ = Fate::kDead;
}

void Replay::on_end(const RecordedEnd& end) {
  if (state_ == State::kJudging) state_ = State::kOver;
  if (state_ != State::kCut) return;
  step_cut(end.now, end.acked);
  // Not the ends that Weir made for reasons of its own.
  const bool well = !info(end.reason).is_error && end.reason != CloseReason::kDraining &&
                    end.reason != CloseReason::kHalfCloseAbort;
  if (well) fate_ = Fate::kAlive;
}

}  // namespace weir::delivery
