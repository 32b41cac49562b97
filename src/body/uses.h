#pragma once
// Uses: what is remembered of the uses of a chunk, in one byte. Any thread, no lock; a use that
// meets another one may be lost.

#include <atomic>
#include <cstdint>

namespace weir::body {

class Uses {
 public:
  // Somebody read it. The first one is who had it brought here, which is no hit.
  void touch() noexcept {
    std::uint8_t now = bits_.load(std::memory_order_relaxed);
    if ((now & kAskedFor) == 0) {
      bits_.fetch_or(kAskedFor, std::memory_order_relaxed);
    } else if ((now & kHits) != kHits) {
      bits_.compare_exchange_weak(now, static_cast<std::uint8_t>(now + 1),
                                  std::memory_order_relaxed);
    }
  }
  // How often it was used lately, 0..3: what S3-FIFO needs to know.
  unsigned hits() const noexcept { return bits_.load(std::memory_order_relaxed) & kHits; }
  // By one thread at a time: one hit less, where there is one; and none at all.
  void spend_hit() noexcept {
    if (hits() > 0) bits_.fetch_sub(1, std::memory_order_relaxed);
  }
  void forget_hits() noexcept {
    bits_.fetch_and(static_cast<std::uint8_t>(~kHits), std::memory_order_relaxed);
  }

  void mark_file_sent() noexcept { bits_.fetch_or(kFileSent, std::memory_order_relaxed); }
  bool file_sent() const noexcept {
    return (bits_.load(std::memory_order_relaxed) & kFileSent) != 0;
  }

 private:
  static constexpr std::uint8_t kHits = 3;
  static constexpr std::uint8_t kAskedFor = 4;
  static constexpr std::uint8_t kFileSent = 8;

  std::atomic<std::uint8_t> bits_{0};
};

}  // namespace weir::body
