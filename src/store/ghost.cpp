#include "store/ghost.h"

#include <algorithm>
#include <bit>

namespace weir::store {

namespace {
constexpr std::uint64_t kTicks = 1 << 24;  // in a span, when it is long enough
}

Ghost::Ghost(std::uint64_t span, std::uint64_t entries)
    : tick_(std::max<std::uint64_t>(1, span / kTicks)),
      span_(static_cast<std::uint32_t>(span / tick_)),
      clock_(tick_) {
  const std::uint64_t wanted = std::clamp<std::uint64_t>(entries / 8, 1, std::uint64_t{1} << 31);
  const std::uint64_t buckets = std::bit_floor(wanted);
  mask_ = static_cast<std::uint32_t>(buckets - 1);
  buckets_.resize(buckets);
}

bool Ghost::contains(std::uint32_t fingerprint) const {
  const Bucket& b = buckets_[fingerprint & mask_];
  return std::any_of(b.slots.begin(), b.slots.end(),
                     [&](const Slot& s) { return s.fingerprint == fingerprint && remembered(s); });
}

void Ghost::add(std::uint32_t fingerprint, std::uint64_t bytes) {
  clock_ += bytes;
  Slot* victim = nullptr;
  for (Slot& s : bucket(fingerprint).slots) {
    if (s.fingerprint == fingerprint || s.when == 0) {
      victim = &s;
      break;
    }
    if (!victim || age(s) > age(*victim)) victim = &s;
  }
  *victim = {fingerprint, std::max<std::uint32_t>(1, now())};
}

}  // namespace weir::store
