#include "base/durations.h"

namespace weir {

Duration Durations::at_most(double share) const noexcept {
  const std::uint64_t all = count();
  if (all == 0) return Duration::zero();
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    seen += buckets_[i].get();
    if (static_cast<double>(seen) >= share * static_cast<double>(all)) return kBounds[i];
  }
  return kBounds.back();
}

}  // namespace weir
