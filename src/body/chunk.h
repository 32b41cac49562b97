#pragma once
// Chunk: a piece of memory that holds up to kChunkSize bytes of one body. A ChunkSource (the store)
// makes it and gets its memory back when the last Ref is gone: a leased chunk stays good though it
// was evicted. Bytes are write-once: what was committed never changes, so readers need no lock.
// A chunk that is filled is in memory. One that is sealed may be elsewhere (a spool's file): its
// bytes come back piece by piece as readers ask for them, and nobody blocks meanwhile.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/ref.h"
#include "body/uses.h"
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
  // What part() says: bytes, which are good while `pin` lives; or, without a pin, that they are not
  // in memory now, or `lost`: for ever.
  struct Part {
    Ref<Chunk> pin;
    std::span<const std::byte> bytes;
    bool lost = false;
  };

  virtual ~Chunk() = default;

  // For its writer, until it is sealed; for others where it never is (no drop_passed body).
  virtual std::byte* data() const = 0;
  // For readers: from `at` on up to `n` bytes, all of them committed. Where they are not in memory
  // now they are brought there, and `reader` is woken, once, when it is worth to ask again; it must
  // be forgotten before it dies. Any thread; never waits; the Body's lock may be held: takes a leaf
  // lock at most.
  virtual Part part(std::size_t at, std::size_t n, Waiter& reader) {
    static_cast<void>(reader);
    return {Ref<Chunk>(this), {data() + at, n}};
  }
  virtual void forget(Waiter& reader) noexcept { static_cast<void>(reader); }
  // A reader is about to come to its begin. Under the Body's lock.
  virtual void soon() noexcept {}
  // `size` bytes are here, and no more will come. By its writer, no lock held; of drop_passed
  // bodies alone.
  virtual void seal(std::size_t size) noexcept { static_cast<void>(size); }
  std::size_t capacity() const { return capacity_; }
  // The same bytes as a file (a memfd slab), for sendfile; -1 when there is none. The file is never
  // rewritten in place while the chunk or anything sent from it may still be looked at
  // (kernel-facts K).
  virtual int fd() const { return -1; }
  virtual std::uint64_t file_offset() const { return 0; }

  // A reader used it.
  void touch() noexcept { uses_.touch(); }
  unsigned hits() const noexcept { return uses_.hits(); }
  // Some of it was handed to sendfile: its pages must be punched, not reused, when it is freed.
  // Costly (a punch and fresh page faults for the next owner), so only for what is really sent so.
  void mark_file_sent() noexcept { uses_.mark_file_sent(); }

 protected:
  explicit Chunk(std::size_t capacity) : capacity_(capacity & 0xffffff) {
    WEIR_CHECK(capacity <= kChunkSize);
  }

  const std::uint32_t capacity_ : 24;
  Uses uses_;
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
