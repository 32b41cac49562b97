#include "delivery/request_patience.h"

#include "delivery/sample.h"

namespace weir::delivery {

using Decision = RequestPatience::Decision;

// Time since the last call that is the client's own.
Duration RequestPatience::counted(TimePoint now, Duration loop_lag) {
  const Duration passed = std::max(now - last_, Duration::zero());
  last_ = now;
  return passed - std::min(passed, lateness(loop_lag));
}

Decision RequestPatience::begin_head(TimePoint now) {
  last_ = now;
  left_.fill(settings_->head_timeout);
  return {CloseReason::kOpen, after(now, left_.left())};
}

Decision RequestPatience::on_head(TimePoint now, Duration loop_lag) {
  left_.spend(counted(now, loop_lag));
  if (left_.spent()) return {CloseReason::kRequestTimeout, TimePoint::max()};
  return {CloseReason::kOpen, after(now, left_.left())};
}

Decision RequestPatience::begin_body(TimePoint now, std::uint64_t received) {
  last_ = received_at_ = now;
  received_ = received;
  reading_ = true;
  left_.fill(settings_->body_timeout);
  return {CloseReason::kOpen, after(now, left_.left())};
}

Decision RequestPatience::on_body(TimePoint now, std::uint64_t received, bool reading,
                                  Duration loop_lag) {
  const Duration passed = counted(now, loop_lag);
  if (reading_) left_.spend(passed);
  if (received > received_) {
    left_.earn(received - received_, settings_->min_body_rate, settings_->body_timeout);
    received_ = received;
    received_at_ = now;
  }
  reading_ = reading;
  if (!reading) return {};
  if (!left_.spent()) return {CloseReason::kOpen, after(now, left_.left())};
  const bool silent = now - received_at_ >= settings_->body_timeout;
  return {silent ? CloseReason::kBodyTimeout : CloseReason::kBodyTooSlow, TimePoint::max()};
}

}  // namespace weir::delivery
