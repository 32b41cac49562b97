#pragma once
// MemoryChunk: a Chunk of the MemoryStore. A SmallChunk is one allocation, its bytes behind it; a
// SlabChunk has a slot of a slab. Private to store/.

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

class MemoryChunk : public body::Chunk, public S3Fifo::Entry {
 public:
  static bool in_slab(std::size_t size) { return size >= kLeastSlot; }
  // What one of `size` bytes takes of the heap, its own object included.
  static std::size_t heap_cost(std::size_t size);
  // `slot` is not null for one in a slab. Null: no memory.
  static MemoryChunk* make(MemoryStore& store, body::Body& owner, std::uint32_t index,
                           std::size_t size, const Slabs::Slot* slot);
  ~MemoryChunk() override = default;
  static void operator delete(void* at) { small_heap::free(at); }

  // Readable memory, perhaps dying, while the chunk is in the store's queues.
  body::Body* owner() const { return owner_; }
  std::uint32_t index() const { return index_; }
  std::uint32_t charge() const { return bytes(); }  // what it counts against the limit
  static body::Uses& uses_of(S3Fifo::Entry& entry) {
    return static_cast<MemoryChunk&>(entry).uses_;
  }

 protected:
  MemoryChunk(MemoryStore& store, body::Body& owner, std::uint32_t index, std::size_t size)
      : Chunk(size), index_(index), owner_(&owner), store_(store) {}

  const std::uint32_t index_;  // first: it fills the gap behind Entry
  body::Body* const owner_;
  MemoryStore& store_;
};

class SmallChunk final : public MemoryChunk {
 public:
  SmallChunk(MemoryStore& store, body::Body& owner, std::uint32_t index, std::size_t size)
      : MemoryChunk(store, owner, index, size) {}
  ~SmallChunk() override;  // tells the store

  std::byte* data() const override {
    return reinterpret_cast<std::byte*>(const_cast<SmallChunk*>(this) + 1);
  }
};

class SlabChunk final : public MemoryChunk {
 public:
  SlabChunk(MemoryStore& store, body::Body& owner, std::uint32_t index, std::size_t size,
            const Slabs::Slot& slot)
      : MemoryChunk(store, owner, index, size), slot_(slot) {}
  ~SlabChunk() override;  // tells the store

  std::byte* data() const override { return slot_.data; }
  int fd() const override { return slot_.fd; }
  std::uint64_t file_offset() const override { return slot_.offset; }

 private:
  const Slabs::Slot slot_;
};

// Beyond what is used when a store is frozen. Bytes.
constexpr std::uint64_t frozen_allowance(std::uint64_t limit) {
  return limit / 16 > 4 * 1024 * 1024 ? limit / 16 : 4 * 1024 * 1024;
}

inline std::size_t MemoryChunk::heap_cost(std::size_t size) {
  return small_heap::cost(in_slab(size) ? sizeof(SlabChunk) : sizeof(SmallChunk) + size);
}

inline MemoryChunk* MemoryChunk::make(MemoryStore& store, body::Body& owner, std::uint32_t index,
                                      std::size_t size, const Slabs::Slot* slot) {
  void* at = small_heap::allocate(slot ? sizeof(SlabChunk) : sizeof(SmallChunk) + size);
  if (!at) return nullptr;
  if (slot) return ::new (at) SlabChunk(store, owner, index, size, *slot);
  return ::new (at) SmallChunk(store, owner, index, size);
}

// Part of the 400 bytes that a small object may cost beyond its bytes.
static_assert(sizeof(SmallChunk) <= 56 && sizeof(body::Body) <= 96);

}  // namespace weir::store
