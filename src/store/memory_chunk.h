#pragma once
// MemoryChunk: a Chunk of the MemoryStore. A small one is one allocation, its bytes behind it; a
// large one has a slot of a slab. Private to store/.

#include <cstddef>
#include <cstdint>
#include <new>

#include "body/body.h"
#include "body/chunk.h"
#include "store/s3_fifo.h"
#include "store/slab.h"
#include "store/small_heap.h"

namespace weir::store {

class MemoryStore;

class MemoryChunk final : public body::Chunk, public S3Fifo::Entry {
 public:
  static bool in_slab(std::size_t size) { return size >= kLeastSlot; }
  // What one of `size` bytes takes of the heap, its own object included.
  static std::size_t heap_cost(std::size_t size) {
    return small_heap::cost(sizeof(MemoryChunk) + (in_slab(size) ? 0 : size));
  }
  // `slot` is not null for one in a slab. `charge`: what it counts against the limit. Null: no
  // memory.
  static MemoryChunk* make(MemoryStore& store, body::Body& owner, std::uint32_t index,
                           std::size_t size, const Slabs::Slot* slot, std::size_t charge) {
    void* at = small_heap::allocate(sizeof(MemoryChunk) + (slot ? 0 : size));
    if (!at) return nullptr;
    const Slabs::Slot behind{static_cast<std::byte*>(at) + sizeof(MemoryChunk), -1, 0};
    return ::new (at) MemoryChunk(store, owner, index, size, slot ? *slot : behind, charge);
  }
  ~MemoryChunk() override;  // tells the store
  static void operator delete(void* at) { small_heap::free(at); }

  // Readable memory, perhaps dying, while the chunk is in the store's queues.
  body::Body* owner() const { return owner_; }
  std::uint32_t index() const { return index_; }
  std::uint32_t charge() const { return charge_; }
  bool file_sent() const { return file_sent_.load(std::memory_order_relaxed); }
  Slabs::Slot slot() const { return {data_, fd_, file_offset_}; }
  static S3Fifo::Hits& hits_of(S3Fifo::Entry& entry) {
    return static_cast<MemoryChunk&>(entry).hits_;
  }

 private:
  MemoryChunk(MemoryStore& store, body::Body& owner, std::uint32_t index, std::size_t size,
              const Slabs::Slot& slot, std::size_t charge)
      : Chunk(slot.data, size, slot.fd, slot.offset),
        index_(index),
        charge_(static_cast<std::uint32_t>(charge)),
        owner_(&owner),
        store_(store) {}

  const std::uint32_t index_;
  const std::uint32_t charge_;
  body::Body* const owner_;
  MemoryStore& store_;
};

// Part of the 400 bytes that a small object may cost beyond its bytes.
static_assert(sizeof(MemoryChunk) <= 96 && sizeof(body::Body) <= 160);

}  // namespace weir::store
