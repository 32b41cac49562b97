#include "sched/retry_budget.h"

#include <algorithm>

#include "base/check.h"

namespace weir::sched {
namespace {
constexpr std::uint64_t kRetry = 1'000'000'000;
constexpr std::uint64_t kPercent = kRetry / 100;
}  // namespace

RetryBudget::RetryBudget(const RetryBudgetSettings& settings)
    : settings_(settings), full_(settings.burst * kRetry), units_(full_) {
  WEIR_CHECK(settings.percent <= 100);
}

void RetryBudget::request() { units_ = std::min(full_, units_ + settings_.percent * kPercent); }

bool RetryBudget::take(TimePoint now) {
  earn(now);
  if (units_ < kRetry) return false;
  units_ -= kRetry;
  return true;
}

std::uint32_t RetryBudget::left(TimePoint now) {
  earn(now);
  return static_cast<std::uint32_t>(units_ / kRetry);
}

// Times of several threads may be a little out of order: none earns twice.
void RetryBudget::earn(TimePoint now) {
  if (last_ == TimePoint::max()) last_ = now;
  if (now <= last_ || settings_.per_second == 0) return;
  const auto ns = static_cast<std::uint64_t>((now - last_).count());
  last_ = now;
  const std::uint64_t lacking = full_ - units_;
  units_ = ns >= lacking / settings_.per_second + 1 ? full_ : units_ + ns * settings_.per_second;
}

}  // namespace weir::sched
