#include "store/memory_store.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace weir::store {

namespace {

using Queue = S3Fifo::Queue;

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kLeastSpare = 32 * kMiB;
constexpr std::uint64_t kGhostGrain = 2048;  // bytes of limit for each entry of the ghost queue
constexpr std::uint32_t kFewTries = 32;
constexpr std::uint64_t kBodySlot = 64;  // what a Body spends on knowing each chunk but the first

// A body that comes back whole or not at all is one thing for the ghost queue.
std::uint64_t ghost_key(const body::Body& body, std::uint32_t index) {
  struct {
    Digest id;
    std::uint64_t index;
  } const name{body.id(), body.refillable() ? index : 0};
  return hash64({reinterpret_cast<const char*>(&name), sizeof(name)});
}

MemoryStore::Settings completed(MemoryStore::Settings s) {
  if (s.spare == 0) s.spare = std::max(kLeastSpare, s.limit / 8);
  return s;
}

}  // namespace

// Where one allocation looks for victims: as S3-FIFO says, while few refuse; then in the other
// queue; then among all; then among all and pressing. Refused ones go to their queue's tail, so
// that nobody is asked twice in a round.
class MemoryStore::Search {
 public:
  struct Step {
    Queue queue;
    body::Need need;
  };

  explicit Search(body::Need most) : stages_(most == body::Need::kUsual ? kUsualStages : kStages) {}

  // The next one to ask, or null when nothing can go.
  MemoryChunk* next(S3Fifo& queues, Step& step) {
    while (!begun_ || left_ == 0) {
      if (begun_ && ++stage_ == stages_) return nullptr;
      begun_ = true;
      enter(queues);
    }
    --left_;
    step = step_;
    return static_cast<MemoryChunk*>(queues.victim_of(step_.queue));
  }

 private:
  static constexpr int kUsualStages = 4;
  static constexpr int kStages = 6;

  void enter(const S3Fifo& queues) {
    if (stage_ == 0) due_ = queues.due();
    const Queue other = due_ == Queue::kSmall ? Queue::kMain : Queue::kSmall;
    step_.queue = stage_ % 2 == 0 ? due_ : other;
    step_.need = stage_ < kUsualStages ? body::Need::kUsual : body::Need::kPressing;
    left_ = stage_ < 2 ? std::min<std::uint64_t>(kFewTries, queues.count(step_.queue))
                       : queues.count(step_.queue);
  }

  const int stages_;
  bool begun_ = false;
  int stage_ = 0;
  std::uint64_t left_ = 0;
  Queue due_ = Queue::kSmall;
  Step step_{};
};

SmallChunk::~SmallChunk() { store_.reclaim(charge()); }

SlabChunk::~SlabChunk() {
  const std::size_t uncounted = store_.slabs_.free(slot_, capacity(), uses_.file_sent());
  // The other pages count until the slot is given back or used again.
  store_.reclaim(charge() - page_rounded(capacity()) + uncounted);
}

MemoryStore::MemoryStore(const Settings& settings, Emptied emptied)
    : settings_(completed(settings)),
      emptied_(std::move(emptied)),
      slabs_(std::max(64 * kMiB, std::bit_ceil(settings.limit / 64))),
      queues_(settings.limit, settings.limit / kGhostGrain, &MemoryChunk::uses_of),
      most_(settings.limit) {
  stats_.limit = settings_.limit;
  stats_.used = queues_.ghost_memory();
}

MemoryStore::~MemoryStore() { WEIR_CHECK(stats_.chunks == 0); }

Ref<body::Body> MemoryStore::create(const body::BodyOptions& options) {
  return make_ref<body::Body>(static_cast<body::ChunkSource&>(*this), options);
}

std::uint64_t MemoryStore::keep_limit() const {
  const std::uint64_t limit = frozen() ? frozen_allowance(settings_.limit) : settings_.limit;
  return std::min(settings_.max_object, limit / 10 * 9);
}

StoreStats MemoryStore::stats() const {
  Lock lock(mutex_);
  return stats_;
}

void MemoryStore::emptied(const body::Body& body) {
  if (emptied_) emptied_(body.id());
}

// --- room ----------------------------------------------------------------------------------------

Ref<body::Chunk> MemoryStore::allocate(body::Body& owner, std::uint32_t index, std::size_t size,
                                       body::Need most) {
  WEIR_CHECK(size <= body::kChunkSize);
  const bool in_slab = MemoryChunk::in_slab(size);
  Room room{charge_of(owner, index, size), std::nullopt};
  if (!make_room(room, size, most)) return {};
  if (in_slab && !room.slot) room.slot = slabs_.fresh(size);
  MemoryChunk* chunk = nullptr;
  if (!in_slab || room.slot) {
    chunk = MemoryChunk::make(*this, owner, index, size, room.slot ? &*room.slot : nullptr);
  }
  if (!chunk) {  // the kernel has less than the limit promises
    if (room.slot) slabs_.free(*room.slot, size, false);
    uncharge(room.charge - (room.slot ? page_rounded(size) : 0));
    return {};
  }
  Lock lock(mutex_);
  const bool back =
      queues_.insert(*chunk, ghost_key(owner, index), static_cast<std::uint32_t>(room.charge));
  stats_.ghost_hits += back ? 1 : 0;
  ++stats_.chunks;
  return Ref<body::Chunk>::adopt(chunk);
}

// Every chunk carries its body's overhead: exact for small bodies, too much by 1/2000 for others.
std::uint64_t MemoryStore::charge_of(const body::Body& owner, std::uint32_t index,
                                     std::size_t size) {
  return small_heap::cost(sizeof(body::Body)) + owner.meta_bytes() + (index > 0 ? kBodySlot : 0) +
         MemoryChunk::heap_cost(size) + (MemoryChunk::in_slab(size) ? page_rounded(size) : 0);
}

bool MemoryStore::charge_if_fits(std::uint64_t bytes) {
  Lock lock(mutex_);
  if (stats_.used + bytes > most_) return false;
  stats_.used += bytes;
  return true;
}

// Charges the room for a chunk of `size`; first of all from spare slots, then by giving these back,
// then by evicting. What was evicted may come back as the very slot that is needed.
bool MemoryStore::make_room(Room& room, std::size_t size, body::Need most) {
  const bool in_slab = MemoryChunk::in_slab(size);
  for (;;) {
    if (in_slab && !room.slot) room.slot = slabs_.reuse(size);
    const std::uint64_t counted = room.slot ? page_rounded(size) : 0;
    if (charge_if_fits(room.charge - counted)) break;
    if (const std::size_t cooled = slabs_.cool()) {
      uncharge(cooled);
    } else if (!evict_one(most)) {
      if (room.slot) slabs_.free(*room.slot, size, false);
      Lock lock(mutex_);
      ++stats_.refused;
      return false;
    }
  }
  // Too many spare pages go back little by little.
  if (slabs_.spare_bytes() > settings_.spare) uncharge(slabs_.cool());
  return true;
}

void MemoryStore::give_back(std::uint64_t keep) {
  while (slabs_.spare_bytes() > keep) uncharge(slabs_.cool());
}

// --- eviction ------------------------------------------------------------------------------------

// Drops one chunk (of some bodies: all). False: nothing can go now.
bool MemoryStore::evict_one(body::Need most) {
  const std::uint64_t changes = changes_.load();
  std::atomic<std::uint64_t>& in_vain = searched_in_vain_[static_cast<std::size_t>(most)];
  if (in_vain.load() == changes) return false;
  Search search(most);
  for (;;) {
    Search::Step step;
    Ref<body::Body> owner;
    Ref<body::Chunk> chunk;
    {
      Lock lock(mutex_);
      MemoryChunk* victim = retiring_ ? nullptr : search.next(queues_, step);
      if (!victim) break;
      if (!may_go(*victim)) {
        queues_.park(*victim);
        continue;
      }
      owner = Ref<body::Body>::try_ref(victim->owner());
      if (!owner) continue;  // its body dies and is about to release it: as good as evicted
      chunk = Ref<body::Chunk>(victim);
    }
    auto& victim = static_cast<MemoryChunk&>(*chunk);
    const bool gone = owner->evict(victim.index(), victim, step.need);
    {
      Lock lock(mutex_);
      if (gone) {
        queues_.evicted(victim, ghost_key(*owner, victim.index()));
        ++stats_.evicted_chunks;
        stats_.evicted_bytes += victim.capacity();
      } else {
        queues_.put_back(victim);
      }
    }
    if (gone) return true;
  }
  in_vain = changes;
  return false;
}

void MemoryStore::release(body::Chunk& chunk) noexcept {
  Lock lock(mutex_);
  queues_.remove(static_cast<MemoryChunk&>(chunk));
}

// The last Ref of a chunk is gone: its memory can be used again.
void MemoryStore::reclaim(std::uint64_t freed) noexcept {
  {
    Lock lock(mutex_);
    --stats_.chunks;
    stats_.used -= freed;
  }
  unpinned();
}

void MemoryStore::uncharge(std::uint64_t bytes) noexcept {
  {
    Lock lock(mutex_);
    stats_.used -= bytes;
  }
  unpinned();
}

// --- waiting -------------------------------------------------------------------------------------

void MemoryStore::wait_for_room(body::Waiter& waiter) {
  Lock lock(mutex_);
  if (std::find(waiters_.begin(), waiters_.end(), &waiter) == waiters_.end()) {
    waiters_.push_back(&waiter);
  }
  awaited_ = true;
}

void MemoryStore::forget(body::Waiter& waiter) noexcept {
  Lock lock(mutex_);
  std::erase(waiters_, &waiter);
  awaited_ = !waiters_.empty();
}

void MemoryStore::unpinned() noexcept {
  // Who lists itself and then looks once more either sees this change or is seen here.
  ++changes_;
  if (!awaited_.load()) return;
  Lock lock(mutex_);
  for (body::Waiter* w : waiters_) w->wake();
  waiters_.clear();
  awaited_ = false;
}

}  // namespace weir::store
