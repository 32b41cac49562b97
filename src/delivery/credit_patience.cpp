#include "delivery/credit_patience.h"

#include <algorithm>

#include "delivery/sample.h"

namespace weir::delivery {

void CreditPatience::begin(TimePoint now) {
  last_ = now;
  sent_ = 0;
  shut_for_ = Duration::zero();
  shut_ = false;
  left_.fill(settings_->zero_window_timeout);
}

bool CreditPatience::on(TimePoint now, std::uint64_t sent, bool shut, Duration loop_lag) {
  const Duration passed = std::max(now - last_, Duration::zero());
  if (shut_ && shut) {
    shut_for_ += passed;
    left_.spend(passed - std::min(passed, lateness(loop_lag)));
  }
  left_.earn(sent - sent_, settings_->trickle_rate, settings_->zero_window_timeout);
  last_ = now;
  sent_ = sent;
  shut_ = shut;
  return !shut || !left_.spent();
}

}  // namespace weir::delivery
