#include "sched/breaker.h"

#include <algorithm>

namespace weir::sched {

bool Breaker::may_try(TimePoint now) const {
  switch (state_) {
    case State::kClosed:
      return true;
    case State::kOpen:
      return now >= next_try_;
    case State::kHalfOpen:
      return false;
  }
  return false;
}

void Breaker::begin(TimePoint now) {
  if (state_ == State::kOpen && now >= next_try_) state_ = State::kHalfOpen;
}

void Breaker::succeeded() {
  state_ = State::kClosed;
  failures_ = openings_ = 0;
}

void Breaker::failed(TimePoint now, std::uint32_t random) {
  ++failures_;
  if (settings_.failures == 0) return;
  if (state_ == State::kHalfOpen || (state_ == State::kClosed && failures_ >= settings_.failures)) {
    open(now, random);
  }
}

void Breaker::given_up(TimePoint now) {
  if (state_ != State::kHalfOpen) return;
  state_ = State::kOpen;
  next_try_ = now;
}

void Breaker::open(TimePoint now, std::uint32_t random) {
  if (state_ == State::kClosed) opened_ = now;
  state_ = State::kOpen;
  const auto doublings = std::min(openings_, 16u);
  if (now - opened_ >= settings_.steady_for) ++openings_;
  const Duration step = std::min(settings_.backoff_max, settings_.backoff_min * (1u << doublings));
  next_try_ = after(now, step + step / 2 * (random >> 16) / 65536);
}

}  // namespace weir::sched
