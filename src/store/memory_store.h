#pragma once
// MemoryStore: bodies in memory, within a limit that holds: chunks as they are really rounded,
// their objects, their bodies and what describes these, spare pages and the ghost queue all count,
// and nothing is allocated that does not fit. Chunks of 64 KiB and more live in slabs, smaller ones
// on a heap of their own; S3-FIFO over all of them.
//
//   allocate --> in use, in a queue --victim--> Body::evict --> last Ref gone --> spare --> unused
//                        ^--------------no--------'                        `--> in use (reuse)
//
// Threads: any. One lock for queues and counts, never held while a Body, a slab, a Waiter's owner
// or the heap is called, but for Waiter::wake. Must outlive its bodies and every lease of them.

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "body/chunk.h"
#include "store/memory_chunk.h"
#include "store/s3_fifo.h"
#include "store/slab.h"
#include "store/store.h"

namespace weir::store {

class MemoryStore final : public Store, public body::ChunkSource {
 public:
  struct Settings {
    std::uint64_t limit = 0;                                               // bytes; 4 MiB or more
    std::uint64_t max_object = std::numeric_limits<std::uint64_t>::max();  // bytes kept of one
    // Pages of freed slots that are kept for the next, counted as used, before they go back to the
    // kernel; 0: limit / 8, at least 32 MiB. Going back is spread over later allocations.
    std::uint64_t spare = 0;
  };

  MemoryStore(const Settings& settings, Emptied emptied);
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  Ref<body::Body> create(const body::BodyOptions& options) override;
  std::uint64_t keep_limit() const override;
  StoreStats stats() const override;
  std::uint64_t spare_bytes() const { return slabs_.spare_bytes(); }
  std::uint64_t slab_bytes() const { return slabs_.resident_bytes(); }  // asks the kernel: slow
  // Gives spare pages back until no more than `keep` bytes are left. About 0.2 ms a MiB.
  void give_back(std::uint64_t keep);

 private:
  friend class SmallChunk;
  friend class SlabChunk;
  class Search;
  struct Room {
    std::uint64_t charge;             // all that will count for the chunk
    std::optional<Slabs::Slot> slot;  // a spare one, whose pages count already
  };

  Ref<body::Chunk> allocate(body::Body& owner, std::uint32_t index, std::size_t size,
                            body::Need most) override;
  void wait_for_room(body::Waiter& waiter) override;
  void forget(body::Waiter& waiter) noexcept override;
  void release(body::Chunk& chunk) noexcept override;
  void unpinned() noexcept override;
  void emptied(const body::Body& body) override;

  bool make_room(Room& room, std::size_t size, body::Need most);
  bool charge_if_fits(std::uint64_t bytes);
  void uncharge(std::uint64_t bytes) noexcept;
  bool evict_one(body::Need most);
  void reclaim(std::uint64_t freed) noexcept;

  const Settings settings_;
  const Emptied emptied_;
  Slabs slabs_;
  // Raised whenever something that was refused may be possible, so that a search that found nothing
  // is not repeated before.
  std::atomic<std::uint64_t> changes_{1};
  // For each Need, the value of changes_ when a search in vain began.
  std::atomic<std::uint64_t> searched_in_vain_[2] = {0, 0};
  std::atomic<bool> awaited_{false};  // waiters_ is not empty

  mutable Mutex mutex_;
  S3Fifo queues_ GUARDED_BY(mutex_);
  StoreStats stats_ GUARDED_BY(mutex_);
  std::vector<body::Waiter*> waiters_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
