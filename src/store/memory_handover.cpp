// The cache goes over to another process: see memory_store.h.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "store/memory_store.h"

namespace weir::store {
namespace {

constexpr std::size_t kStep = 256;             // chunks that are moved under one lock
constexpr std::uint64_t kQuarantineShare = 4;  // of the limit
constexpr std::uint64_t kNoPredecessor = ~std::uint64_t{0};

// Who waits for a mutex that is taken again at once would wait for all steps.
void let_others_in() { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

}  // namespace

// --- the old process -----------------------------------------------------------------------------

bool MemoryStore::freeze() {
  if (has_predecessor_ || frozen_.exchange(true)) return false;
  give_back(0);
  {
    Lock lock(mutex_);
    retiring_ = true;
    queues_.begin_retire();
  }
  slabs_.freeze();
  // Of the time when it was frozen before: not handed over.
  const auto stays = [this](const S3Fifo::Entry& entry) {
    const auto& chunk = static_cast<const MemoryChunk&>(entry);
    return MemoryChunk::in_slab(chunk.capacity()) && slabs_.stopgap(chunk.data());
  };
  const std::uint64_t allowance = frozen_allowance(settings_.limit);
  const std::uint64_t taken = std::min(slabs_.stopgap_bytes(), allowance);
  for (bool done = false; !done;) {
    let_others_in();
    Lock lock(mutex_);
    done = queues_.retire_some(kStep, stays);
    if (!done) continue;
    retiring_ = false;
    most_ = stats_.used + allowance - taken;
  }
  unpinned();
  return true;
}

void MemoryStore::thaw() {
  if (!frozen_) return;
  slabs_.thaw();
  for (bool done = false; !done;) {
    let_others_in();
    Lock lock(mutex_);
    done = queues_.restore_some(kStep);
    if (done) most_ = settings_.limit;
  }
  unpinned();
  while (!has_room(0)) {
    if (const std::size_t cooled = slabs_.cool()) {
      uncharge(cooled);
    } else if (!evict_one(body::Need::kUsual)) {
      break;
    }
  }
  frozen_ = false;
}

MemoryStore::Standing MemoryStore::standing(const body::Chunk& chunk) const {
  Standing standing{.hits = static_cast<std::uint8_t>(chunk.hits())};
  Lock lock(mutex_);
  const auto& entry = static_cast<const MemoryChunk&>(chunk);
  standing.main = queues_.queue_of(entry) == S3Fifo::Queue::kMain;
  return standing;
}

// --- the new one ---------------------------------------------------------------------------------

std::expected<void, SlabFault> MemoryStore::adopt(std::span<const SlabFile> slabs) {
  const auto done = slabs_.adopt(slabs, settings_.limit / kQuarantineShare);
  has_predecessor_ = done.has_value() && !slabs.empty();
  return done;
}

bool MemoryStore::has_room(std::uint64_t bytes) const {
  Lock lock(mutex_);
  return stats_.used + bytes <= most_;
}

Ref<body::Chunk> MemoryStore::adopt_slot(body::Body& owner, std::uint32_t index, std::size_t slab,
                                         std::uint64_t offset, std::size_t size,
                                         Standing standing) {
  if (!MemoryChunk::in_slab(size) || size > body::kChunkSize) return {};
  const std::uint64_t charge = charge_of(owner, index, size);
  if (!charge_if_fits(charge)) return {};
  const auto slot = slabs_.claim(slab, offset, size);
  MemoryChunk* chunk = slot ? MemoryChunk::make(*this, owner, index, size, &*slot) : nullptr;
  if (!chunk) {
    // A slot without a chunk stays with the predecessor's until that is gone.
    const std::size_t uncounted = slot ? slabs_.free(*slot, size, true) : page_rounded(size);
    uncharge(charge - page_rounded(size) + uncounted);
    return {};
  }
  chunk->mark_file_sent();  // by the predecessor, perhaps
  return enter_adopted(chunk, charge, standing);
}

Ref<body::Chunk> MemoryStore::adopt_bytes(body::Body& owner, std::uint32_t index,
                                          std::span<const std::byte> bytes, Standing standing) {
  if (MemoryChunk::in_slab(bytes.size())) return {};
  const std::uint64_t charge = charge_of(owner, index, bytes.size());
  if (!charge_if_fits(charge)) return {};
  MemoryChunk* chunk = MemoryChunk::make(*this, owner, index, bytes.size(), nullptr);
  if (!chunk) {
    uncharge(charge);
    return {};
  }
  std::memcpy(chunk->data(), bytes.data(), bytes.size());
  return enter_adopted(chunk, charge, standing);
}

Ref<body::Chunk> MemoryStore::enter_adopted(MemoryChunk* chunk, std::uint64_t charge,
                                            Standing standing) {
  for (unsigned i = 0; i <= standing.hits; ++i) chunk->touch();  // the first one is no hit
  Lock lock(mutex_);
  queues_.insert_into(standing.main ? S3Fifo::Queue::kMain : S3Fifo::Queue::kSmall, *chunk,
                      static_cast<std::uint32_t>(charge));
  ++stats_.chunks;
  return Ref<body::Chunk>::adopt(chunk);
}

// Whether evicting it gains room: not where it leaves quarantined pages that count. Of a body that
// cannot be fetched again all chunks go, then: all of them are adopted, or none.
bool MemoryStore::may_go(const MemoryChunk& chunk) const {
  const std::uint64_t left = slabs_.quarantine_left();
  if (left == kNoPredecessor) return true;
  const bool in_slab = MemoryChunk::in_slab(chunk.capacity());
  if (in_slab ? !slabs_.adopted(chunk.data()) : chunk.index() == 0) return true;
  if (!chunk.owner()->refillable()) return chunk.owner()->present() <= left;
  return !in_slab || page_rounded(chunk.capacity()) <= left;
}

void MemoryStore::predecessor_gone() {
  uncharge(slabs_.predecessor_gone());
  for (bool done = false; !done;) {
    let_others_in();
    Lock lock(mutex_);
    done = queues_.unpark_some(kStep);
  }
  has_predecessor_ = false;
  unpinned();
}

}  // namespace weir::store
