#pragma once
// MemoryStore: bodies in memory, within a limit that holds: chunks as they are really rounded,
// their objects, their bodies and what describes these, spare pages and the ghost queue all count,
// and nothing is allocated that does not fit. Chunks of 64 KiB and more live in slabs, smaller ones
// on a heap of their own; S3-FIFO over all of them.
//
//   allocate --> in use, in a queue --victim--> Body::evict --> last Ref gone --> spare --> unused
//                        ^--------------no--------'                        `--> in use (reuse)
//
// Upgrade without a gap: the cache of a running process goes over to its successor. Both are told
// by whoever starts and ends them; nothing here knows of processes.
//
//   old:  freeze() ... frozen_slabs() ... serves what it has until its clients are gone, and ends
//              \--- its successor came to nothing: thaw(): all as before, also for the next try
//   new:  adopt() adopt_slot() adopt_bytes() ... serves and fills at once ... predecessor_gone()
//
// - Frozen, the old store gives no slot of its slabs out again, writes none and punches none: what
//   its successor was told of stays as it was. (A fill that was under way goes on in its own slots,
//   of which nobody was told.) What was there is no victim any more. New bytes get new slabs and
//   heap: limit / 16, at least 4 MiB, beyond what was used; then allocation is refused as ever.
// - Thawed, it is as if it had never been frozen, and the limit holds again; also the old slots
// that
//   were freed meanwhile are used again. Chunks that came while it was frozen stay, but the slabs
//   they are in never go over: what of them is not evicted before the next freeze() takes part in
//   its limit / 16, can be evicted then, and its successor does not get it.
// - The old process may be reading an adopted slot, by writev or sendfile. So one that the new
// store
//   frees is *quarantined*: not written, punched or used again before predecessor_gone(). Such
//   pages do not count, up to limit / 4: by so much memory may be above the limit meanwhile. What
//   is beyond counts as used until then; so chunks whose eviction would gain nothing any more are
//   no victims (parked), and where only such are left allocation is refused.
// - Slots that nobody adopted are the predecessor's, and not counted here, until it is gone.
//
// Threads: any. One lock for queues and counts, never held while a Body, a slab, a Waiter's owner
// or the heap is called, but for Waiter::wake. Must outlive its bodies and every lease of them.

#include <atomic>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <span>
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

  // ---- The old process. See above.
  // Takes some 100 ns for each chunk, a few at a time, and 0.2 ms for each spare MiB: not for a
  // worker's thread. False: its own predecessor lives yet, or it is frozen already.
  bool freeze();
  // The successor has ended, or never comes to serve: it has written into no slab and never will.
  // Takes as long as freeze(), and evicts what is beyond the limit. Does nothing where it is not
  // frozen. Not while another thread is in freeze() or here.
  void thaw();
  bool frozen() const { return frozen_.load(std::memory_order_relaxed); }
  // What the successor adopts, in this order. The descriptors are ours, valid while this lives.
  std::vector<SlabFile> frozen_slabs() const { return slabs_.frozen_files(); }
  // How a chunk stands in the eyes of eviction.
  struct Standing {
    bool main = false;      // it was used again before: in S3-FIFO's main queue
    std::uint8_t hits = 0;  // lately, 0..3
  };
  Standing standing(const body::Chunk& chunk) const;

  // ---- The new one.
  // First of all, before there are any bodies. The descriptors can be closed afterwards.
  std::expected<void, SlabFault> adopt(std::span<const SlabFile> slabs);
  // A chunk of `size` bytes capacity in the slot at `offset` of that slab, bytes and all. Evicts
  // nothing. Null: no room, or the slot cannot be one of that size or has been adopted before.
  Ref<body::Chunk> adopt_slot(body::Body& owner, std::uint32_t index, std::size_t slab,
                              std::uint64_t offset, std::size_t size, Standing standing);
  // A small chunk, of copied bytes. Likewise.
  Ref<body::Chunk> adopt_bytes(body::Body& owner, std::uint32_t index,
                               std::span<const std::byte> bytes, Standing standing);
  // Whether so many bytes of chunks fit without evicting any, their overhead not counted.
  bool has_room(std::uint64_t bytes) const;
  // The old process has ended. About 0.2 ms for each MiB of memory that becomes free: not for a
  // worker's thread. Once; does nothing where there was none.
  void predecessor_gone();
  std::uint64_t quarantined_bytes() const { return slabs_.quarantined_bytes(); }

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

  static std::uint64_t charge_of(const body::Body& owner, std::uint32_t index, std::size_t size);
  bool may_go(const MemoryChunk& chunk) const;
  Ref<body::Chunk> enter_adopted(MemoryChunk* chunk, std::uint64_t charge, Standing standing);
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
  std::atomic<bool> frozen_{false};
  std::atomic<bool> has_predecessor_{false};

  mutable Mutex mutex_;
  S3Fifo queues_ GUARDED_BY(mutex_);
  bool retiring_ GUARDED_BY(mutex_) = false;  // freeze() is at work: no victims
  std::uint64_t most_ GUARDED_BY(mutex_);     // the limit that holds now
  StoreStats stats_ GUARDED_BY(mutex_);
  std::vector<body::Waiter*> waiters_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
