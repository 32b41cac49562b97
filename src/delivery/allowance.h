#pragma once
// Allowance: patience that passes with time and is bought back by bytes. A peer that brings `rate`
// bytes a second on the average, over stretches no longer than the allowance, never spends it up,
// however unevenly the bytes come; one that is slower does, soon when it is much slower:
// most / (1 - its rate / `rate`).

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace weir::delivery {

class Allowance {
 public:
  void fill(Duration most) { left_ = most; }
  void spend(Duration time) { left_ -= time; }
  // rate in bytes a second; 0: any byte buys everything back.
  void earn(std::uint64_t bytes, std::uint64_t rate, Duration most) {
    if (bytes == 0) return;
    const double bought = rate == 0 ? 1e18 : static_cast<double>(bytes) / static_cast<double>(rate);
    const double room = std::chrono::duration<double>(most - left_).count();
    if (bought >= room) {
      left_ = most;
    } else {
      left_ += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(bought));
    }
  }
  bool spent() const { return left_ <= Duration::zero(); }
  Duration left() const { return left_; }

 private:
  Duration left_{0};
};

}  // namespace weir::delivery
