#pragma once
// Body: the bytes of one message, a map of chunks that few writers fill and many readers follow,
// each on its own thread and at its own pace.
//
//   absent --space()--> filling --commit() up to its end--> present --evict()/passed--> absent
//
// A chunk fills from its start to its end (a prefix), by one writer at a time. A reader at bytes
// that some writer will reach soon waits; at bytes that nobody brings it is told Hole, and its
// Exchange asks for a fill. Cut short is an Error, never an End.
//
// Threads: Body is locked inside; one BodyReader or BodyWriter belongs to one thread. Locks: the
// Body's is a leaf but for Waiter::wake, Backing::holds and what Chunk says may be called under it;
// a ChunkSource is never called under it.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/hash.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "body/backing.h"
#include "body/chunk.h"
#include "body/waiter.h"

namespace weir::body {

class BodyPin;
class BodyReader;
class BodyWriter;
struct Fill;
struct Aside;

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
// A reader this far or less behind the bytes it wants waits for the running fill; a reader further
// ahead of it meets a Hole. Bytes.
inline constexpr std::uint64_t kSoon = 16 * kChunkSize;
// No body is longer: chunk indices have 32 bits. 4 PiB.
inline constexpr std::uint64_t kMaxTotal = kChunkSize << 32;

struct BodyOptions {
  Digest id = {};                           // names the bytes for the store's ghost queue
  std::optional<std::uint64_t> total = {};  // when known beforehand; kMaxTotal at most
  std::uint64_t meta_bytes = 0;  // memory of whatever describes this body, charged with it
  // An evicted byte can be fetched again (strong validator, ranges). If not, what a reader has
  // still to read stays, and a reader never sees Hole: where nobody brings what it wants it sees an
  // Error (kNoSpace: evicted or dropped before it came; kFetchAbandoned: the fill ended early).
  bool refillable = false;
  // Chunks go as soon as every reader has passed them (transit), and not before the first reader
  // has come. If not, they stay till evicted. Full ones are sealed: they need not stay in memory.
  bool drop_passed = false;
  // How far writers may be ahead of the readers: of the slowest one with drop_passed, else of the
  // fastest that follows; with drop_passed, and where it is two chunks or more, they stop between
  // two chunks. A body without readers has its writer stopped at this distance from 0.
  std::uint64_t lead_limit = kUnlimited;
  // Where its bytes are kept beside memory. What is held there may go from memory as if the body
  // were refillable; who fills a Hole asks the backing first. Not with drop_passed.
  Ref<Backing> backing = {};
  // It is in the backing and nothing of it in memory: all of it, unless it is refillable. It holds
  // a chunk of no bytes until it gets others, so that the store has something to evict.
  bool restored = false;
};

// What next() and space() can say. Views and spans are valid while `pin` lives.
struct Lease {
  Ref<Chunk> pin;
  std::span<const std::byte> bytes;
};
struct Wait {};
struct End {};
struct Hole {
  // Nobody brings this byte: the first absent one of the cursor's chunk, so at or before the
  // cursor. A fill of the hole begins here.
  std::uint64_t offset;
  std::uint64_t end;  // ...up to this one, exclusive (kUnlimited: up to an unknown end)
};
struct Piece {
  std::uint64_t first;
  std::uint64_t end;  // exclusive
};
using Next = std::variant<Lease, Wait, End, Hole, Error>;

class Body : public RefCounted<Body> {
 public:
  Body(ChunkSource& source, const BodyOptions& options);
  ~Body();

  const Digest& id() const { return id_; }
  std::uint64_t meta_bytes() const { return meta_bytes_; }
  bool refillable() const { return refillable_; }
  Backing* backing() const { return backing_.get(); }  // may be null
  std::optional<std::uint64_t> total() const;
  std::uint64_t present() const;  // bytes that are here now
  bool complete() const;          // all of a known total are here
  bool failed() const;
  // A fill is under way or every byte is here or can be fetched: worth handing to a new reader.
  bool servable() const;
  bool filling() const;           // at least one writer lives
  std::uint32_t readers() const;  // living BodyReaders
  // What a reader at `offset` would be told: a Hole, or nothing where the byte is here or will
  // come.
  std::optional<Hole> hole(std::uint64_t offset);
  // The bytes that are here, in order, neighbours as one; at most `most` pieces. For people: it
  // looks at every chunk under the lock.
  std::vector<Piece> pieces(std::size_t most) const;
  bool empty_of_chunks() const;  // none that holds bytes, nor the empty one of an empty body
  // A chunk of which no byte will change or be added any more; `size` of its capacity are used.
  struct Whole {
    std::uint32_t index;
    Ref<Chunk> chunk;
    std::size_t size;
  };
  void whole_chunks(std::vector<Whole>& out) const;  // adds them, in order
  // Puts one where nothing is. For who makes the body, before others know it.
  void put(std::uint32_t index, Ref<Chunk> chunk, std::size_t size);
  // Offers the backing all chunks that are whole: what it did not want before it may want now.
  void offer_all();

  // Called by the store, any thread, no lock of the store held: drop chunk `index` if it still is
  // `chunk` and no writer and no pinned reader needs it. A complete body that is not refillable is
  // dropped whole. Returns false when it must stay for now; true when it is not here (any more).
  // A reader of a fill that loses what it was about to come to is left behind: from then on only
  // kSoon bytes before it are kept for it, until it has caught up with a fill.
  bool evict(std::uint32_t index, const Chunk& chunk, Need need = Need::kUsual);

 private:
  friend class BodyPin;
  friend class BodyReader;
  friend class BodyWriter;
  friend struct Aside;

  struct Slot {
    Ref<Chunk> chunk;
    std::uint32_t filled = 0;  // bytes of the chunk that are here, from its start
    bool reserved = false;     // a Fill works here: only it puts, replaces or takes the chunk
  };
  using Slots = std::map<std::uint32_t, Slot>;

  Next read(BodyReader& reader, std::size_t max);
  void prepare(std::uint64_t offset) REQUIRES_LOCK(mutex_);
  Error reason() REQUIRES_LOCK(mutex_);

  std::uint64_t lead_limit() const REQUIRES_LOCK(mutex_);
  Slot* find(std::uint64_t offset) REQUIRES_LOCK(mutex_);
  Slot& slot(std::uint32_t index) REQUIRES_LOCK(mutex_);
  void forget_if_absent(std::uint32_t index) REQUIRES_LOCK(mutex_);
  std::uint64_t reach() const REQUIRES_LOCK(mutex_);
  Aside& aside() REQUIRES_LOCK(mutex_);
  void settle() REQUIRES_LOCK(mutex_);
  Ref<Chunk> take(std::uint32_t index) REQUIRES_LOCK(mutex_);

  bool may_lack(std::uint64_t offset) const REQUIRES_LOCK(mutex_);
  bool may_return(std::uint64_t offset) REQUIRES_LOCK(mutex_);
  bool will_bring(std::uint64_t offset) REQUIRES_LOCK(mutex_);
  Hole hole_at(std::uint64_t offset) REQUIRES_LOCK(mutex_);
  bool needed(std::uint64_t first, std::uint64_t end) const REQUIRES_LOCK(mutex_);
  bool awaited(std::uint64_t base) const REQUIRES_LOCK(mutex_);
  void leave_behind(std::uint64_t base) REQUIRES_LOCK(mutex_);
  void wake_readers(std::uint64_t first, std::uint64_t end) REQUIRES_LOCK(mutex_);
  void wake_stopped() REQUIRES_LOCK(mutex_);
  std::uint64_t slowest() const REQUIRES_LOCK(mutex_);
  std::uint64_t allowed(const Fill& fill) const REQUIRES_LOCK(mutex_);
  void set_failed(Error why, std::uint64_t at) REQUIRES_LOCK(mutex_);
  std::vector<Ref<Chunk>> take_passed() REQUIRES_LOCK(mutex_);
  void track(BodyReader& reader) REQUIRES_LOCK(mutex_);
  void list(BodyReader& reader) REQUIRES_LOCK(mutex_);
  void unlist(BodyReader& reader) REQUIRES_LOCK(mutex_);

  void attach(BodyReader& reader);
  void detach(BodyReader& reader);
  void advance(BodyReader& reader, std::uint64_t n);

  void let_go(Ref<Chunk> chunk);
  void hand_over(std::uint32_t index, const Ref<Chunk>& whole, std::size_t size);
  void hold_empty_chunk();
  void tell_if_emptied();

  std::atomic<std::uint32_t> readers_{0};  // first: it fills the gap behind the Ref count
  mutable Mutex mutex_;
  const std::uint32_t meta_bytes_;
  ChunkSource& source_;
  const Digest id_;
  // Written under the lock, read without.
  std::atomic<std::uint64_t> total_;  // kUnlimited: unknown
  std::atomic<std::uint64_t> present_{0};
  // Only while somebody fills or follows, and of bodies of several chunks, with a lead limit, or
  // failed.
  std::unique_ptr<Aside> aside_ GUARDED_BY(mutex_);
  std::atomic<std::uint16_t> fills_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> lost_{false};   // a byte is gone that cannot be had again
  std::atomic<bool> whole_{false};  // not refillable: every byte came, and was kept somewhere
  std::atomic<bool> unread_{true};  // no reader has come yet
  const bool refillable_;
  const bool drop_passed_;
  const Ref<Backing> backing_;
  Slot first_ GUARDED_BY(mutex_);  // a small body is this one; see Aside for others
};

// Nothing of the body is evicted while one lives. For the moment between asking servable() and
// reading: what it says before one is made may be over when it returns.
class BodyPin {
 public:
  explicit BodyPin(Ref<Body> body);
  ~BodyPin();
  BodyPin(const BodyPin&) = delete;
  BodyPin& operator=(const BodyPin&) = delete;

 private:
  const Ref<Body> body_;
};

class BodyReader : public ListNode {
 public:
  // Reads [first, end) of the body; `end` beyond the total means up to the total. `owner` must
  // outlive the reader.
  BodyReader(Ref<Body> body, std::uint64_t first, std::uint64_t end, Waiter& owner);
  ~BodyReader();  // takes itself off the wake list; a wake that was posted before may follow
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  // Up to `max` bytes at the cursor, from one chunk. Wait: none yet, or none in memory; `owner` was
  // listed under the lock that saw none, so that no commit slips between. The lease is for now:
  // send from it and let it go, do not hold it while waiting for a socket.
  Next next(std::size_t max);
  void advance(std::uint64_t n);  // n bytes of what next() gave were consumed
  std::uint64_t offset() const { return offset_; }
  std::uint64_t end() const;  // kUnlimited while the total is unknown and no end was asked for
  Body& body() const { return *body_; }

 private:
  friend class Body;
  friend struct Aside;

  Next lease(Chunk& chunk, std::size_t here, std::uint64_t stop, std::size_t max);
  void await_no_chunk() noexcept;

  const Ref<Body> body_;
  Waiter& owner_;
  std::uint64_t offset_;
  const std::uint64_t end_;
  Ref<Chunk> held_;     // the whole body, for one that cannot be fetched again and is one chunk
  Ref<Chunk> awaited_;  // may have `owner` listed: its bytes are being brought
  std::uint64_t touched_ = kUnlimited;  // the chunk that was touched last
  bool tracked_ = false;                // in Aside's lists for good, so that others see offset_
  bool listed_ = false;                 // told to wait, perhaps still on the wake list
  bool behind_ = false;                 // left behind by the fill it followed
};

// Move-only. Dropped before finish() or abandon(), the body fails with Errc::kSystem.
class BodyWriter {
 public:
  // Fills [first, end). `first` should be where a chunk begins or where its filled prefix ends (as
  // a Hole's offset is): what else it brings of that first chunk goes to scratch. `owner` is woken
  // after space() came back empty. A body that is not refillable needs its writer before its
  // readers.
  BodyWriter(Ref<Body> body, std::uint64_t first, std::uint64_t end, Waiter& owner);
  BodyWriter(BodyWriter&&) noexcept;
  BodyWriter& operator=(BodyWriter&&) noexcept;
  ~BodyWriter();

  enum class Stop : std::uint8_t { kNone, kNoRoom, kLead, kEnd };
  struct Space {
    std::span<std::byte> bytes;  // empty: see `stop`
    Stop stop = Stop::kNone;
  };
  // Where the next bytes go, at most up to the chunk's end. Where bytes are already here (another
  // fill brought them, or brings them now) the span is `scratch`, cut to fit (it may be
  // empty only for a body that nobody else fills), and commit() only moves the cursor. Good until
  // the next call on this writer. kNoRoom, kLead: owner will be woken when it may be different.
  // kEnd: `end` is reached. `hint`: bytes expected soon; shapes chunks while the total is unknown.
  Space space(std::size_t hint, std::span<std::byte> scratch);
  void commit(std::size_t n) noexcept;  // publishes, wakes every reader that waited for it

  // Room that is usually not given is not asked for either: the writer waits for the readers
  // (space() says kNoRoom), until press() allows to leave them behind for the next `bytes`.
  // With drop_passed also the lead limit may then be exceeded by that.
  void be_patient();
  void press(std::uint64_t bytes);
  // A lead limit of this writer's own, beside the body's.
  void keep_lead(std::uint64_t bytes);

  std::uint64_t offset() const;
  Body& body() const;
  // Became known (Content-Range). One that contradicts what is known, or beyond kMaxTotal, fails
  // the body (kOriginChanged).
  void set_total(std::uint64_t total);
  // The bytes up to the cursor are the last: an unknown total becomes known (the last chunk is cut
  // to size), a known one must be reached by this or other fills: readers see Hole where it is not.
  void finish() && noexcept;
  // This fill ends here, the body lives: readers that counted on it are woken and see Hole.
  void abandon() && noexcept;
  // The whole body fails: every reader sees `why` once it has read what is here before its cursor.
  void fail(Error why) && noexcept;

 private:
  struct Plan;
  Plan plan(std::size_t hint, std::span<std::byte> scratch);
  Ref<Chunk> allocate(std::uint32_t index, std::size_t size);
  void install(std::uint32_t index, Ref<Chunk> chunk);
  bool conclude();
  void trim();
  void seal_last();
  void end();

  std::unique_ptr<Fill> fill_;
};

}  // namespace weir::body
