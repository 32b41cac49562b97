#pragma once
// Backing: where bytes of a body are kept beside memory (a disk). Made by store/; a Body that has
// one offers its chunks as they become whole, and may lose from memory what the backing holds:
// its readers then meet a Hole, which whoever fills it fills from there.

#include <cstddef>
#include <cstdint>

#include "base/ref.h"
#include "body/chunk.h"

namespace weir::body {

class Backing : public RefCounted<Backing> {
 public:
  virtual ~Backing() = default;
  // Chunk `index` has all its `size` bytes, which change no more; `total`: the body's, as far as
  // known. May keep a Ref, or do nothing. Any thread, no lock held. Never waits.
  virtual void offer(std::uint32_t index, const Ref<Chunk>& chunk, std::size_t size,
                     std::uint64_t total) noexcept = 0;
  // Whether the chunk can be had from here. Any thread; the Body's lock may be held: takes a leaf
  // lock at most.
  virtual bool holds(std::uint32_t index) const noexcept = 0;
};

}  // namespace weir::body
