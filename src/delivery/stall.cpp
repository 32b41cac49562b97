#include "delivery/stall.h"

#include <algorithm>

namespace weir::delivery {
inline namespace first_cut {
namespace {

// Between two samples of a connection that owes data.
constexpr Duration kLookEvery = std::chrono::seconds(1);

}  // namespace

Verdict StallTimeout::on(const Sample& sample) {
  const bool owes = sample.queued > 0;
  if (!owes || !owing_ || sample.acked > acked_) {
    since_ = sample.now;
  } else {
    since_ = std::min(since_ + sample.loop_lag, sample.now);
  }
  owing_ = owes;
  acked_ = std::max(acked_, sample.acked);
  if (!owes) return {};
  const TimePoint limit = after(since_, limit_);
  if (sample.now >= limit) return {Patience::kStalled, sample.now};
  return {Patience::kKeep, std::min(limit, after(sample.now, kLookEvery))};
}

Duration StallTimeout::standstill(TimePoint now) const {
  return owing_ ? now - since_ : Duration::zero();
}

}  // namespace first_cut
}  // namespace weir::delivery
