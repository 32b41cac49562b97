#pragma once
// Chunk: a piece of memory that holds up to kChunkSize bytes of one body. A ChunkSource (the store)
// makes it and gets its memory back when the last Ref is gone: a leased chunk stays good though it
// was evicted. Bytes are write-once: what was committed never changes, so readers need no lock.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/ref.h"
#include "body/waiter.h"

namespace weir::body {

class Body;

inline constexpr std::uint64_t kChunkSize = 1024 * 1024;

// How badly room is needed. Usual: not what a reader of a fill is about to come to. Pressing, when
// nothing else can go: that too, and also what readers have passed of a body that cannot be fetched
// again and is still being filled, which is then not servable to new readers any more.
enum class Need : std::uint8_t { kUsual, kPressing };

class Chunk : public RefCounted<Chunk> {
 public:
  virtual ~Chunk() = default;

  std::byte* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }
  // The same bytes as a file (a memfd slab), for sendfile; -1 when there is none. The file is never
  // rewritten in place while the chunk or anything sent from it may still be looked at
  // (kernel-facts K).
  int fd() const { return fd_; }
  std::uint64_t file_offset() const { return file_offset_; }

  // A reader used it. What S3-FIFO needs to know: a counter that saturates at 3, no lock. The first
  // one is who had it brought here, which is no hit.
  void touch() noexcept {
    if (!asked_for_.load(std::memory_order_relaxed)) {
      asked_for_.store(true, std::memory_order_relaxed);
      return;
    }
    if (hits_.load(std::memory_order_relaxed) < 3) hits_.fetch_add(1, std::memory_order_relaxed);
  }
  // How often it was used lately, 0..3.
  unsigned hits() const noexcept { return hits_.load(std::memory_order_relaxed); }
  // Some of it was handed to sendfile: its pages must be punched, not reused, when it is freed.
  // Costly (a punch and fresh page faults for the next owner), so only for what is really sent so.
  void mark_file_sent() noexcept { file_sent_.store(true, std::memory_order_relaxed); }

 protected:
  Chunk(std::byte* data, std::size_t capacity, int fd, std::uint64_t file_offset)
      : fd_(fd),
        data_(data),
        file_offset_(file_offset),
        capacity_(static_cast<std::uint32_t>(capacity)) {}

  const int fd_;
  std::byte* const data_;
  const std::uint64_t file_offset_;
  const std::uint32_t capacity_;
  std::atomic<std::uint8_t> hits_{0};
  std::atomic<bool> asked_for_{false};
  std::atomic<bool> file_sent_{false};
};

// Where bodies get room. Implemented by store/. Any thread; never called with a Body locked.
class ChunkSource {
 public:
  // Room for `size` (0..kChunkSize) bytes of `owner`'s chunk `index`, evicting others if need be,
  // at most such as `most` allows. Null: nothing can be evicted now; call wait_for_room. The Body
  // that asks keeps the slot reserved until it has put the chunk there, so that evict() meanwhile
  // says no.
  virtual Ref<Chunk> allocate(Body& owner, std::uint32_t index, std::size_t size,
                              Need most = Need::kPressing) = 0;
  // `waiter` is woken once, when memory may be had again. Whoever calls this tries allocate() once
  // more afterwards: what was freed between a failed try and the listing wakes nobody.
  virtual void wait_for_room(Waiter& waiter) = 0;
  // Must be called before a Waiter that may still be listed dies. Idempotent.
  virtual void forget(Waiter& waiter) noexcept = 0;
  // `chunk` has left its Body (or the Body dies): it is no victim any more.
  virtual void release(Chunk& chunk) noexcept = 0;
  // A chunk that evict() had to refuse may go now: whoever waits for room should try again.
  virtual void unpinned() noexcept = 0;
  // `body` holds no chunk any more (evicted) and no fill of it runs: it is worth nothing.
  virtual void emptied(const Body& body) = 0;

 protected:
  ~ChunkSource() = default;
};

}  // namespace weir::body
