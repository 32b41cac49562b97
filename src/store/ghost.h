#pragma once
// Ghost: which chunks were evicted not long ago, as fingerprints, without the bytes. "Long" is
// measured in bytes evicted since. A fixed table of buckets of one cache line; the oldest of a full
// bucket is forgotten early. A wrong "yes" is possible and harmless.

#include <array>
#include <cstdint>
#include <vector>

namespace weir::store {

class Ghost {
 public:
  // Remembers for `span` bytes, at most about `entries` of them.
  Ghost(std::uint64_t span, std::uint64_t entries);

  bool contains(std::uint32_t fingerprint) const;
  void add(std::uint32_t fingerprint, std::uint64_t bytes);
  std::uint64_t memory() const { return buckets_.size() * sizeof(Bucket); }

 private:
  struct Slot {
    std::uint32_t fingerprint = 0;
    std::uint32_t when = 0;
  };
  struct alignas(64) Bucket {
    std::array<Slot, 8> slots{};
  };

  Bucket& bucket(std::uint32_t fingerprint) { return buckets_[fingerprint & mask_]; }
  std::uint32_t now() const { return static_cast<std::uint32_t>(clock_ / tick_); }
  // Age in ticks; the 32 bits wrap after 256 spans or more, when an untouched slot looks young
  // again.
  std::uint32_t age(const Slot& slot) const { return now() - slot.when; }
  bool remembered(const Slot& slot) const { return slot.when != 0 && age(slot) <= span_; }

  std::uint64_t tick_;   // bytes
  std::uint32_t span_;   // ticks
  std::uint64_t clock_;  // bytes added so far, from one tick on: `when` 0 is an empty slot
  std::uint32_t mask_;
  std::vector<Bucket> buckets_;
};

}  // namespace weir::store
