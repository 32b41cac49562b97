#include "store/spool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/spool_chunk.h"

namespace weir::store {

namespace {

constexpr int kReaders = 2;

std::size_t pieces_of(std::uint64_t memory) {
  return static_cast<std::size_t>(std::max(memory, Spool::kLeastMemory) / 4 / Spool::kPiece);
}
std::size_t chunks_of(std::uint64_t memory) {
  const std::uint64_t rest =
      std::max(memory, Spool::kLeastMemory) - pieces_of(memory) * Spool::kPiece;
  return static_cast<std::size_t>(rest / body::kChunkSize);
}

}  // namespace

Spool::Spool(std::unique_ptr<File> file, const Settings& settings)
    : file_(std::move(file)),
      directory_(settings.directory),
      chunks_(body::kChunkSize, chunks_of(settings.memory)),
      pieces_(kPiece, pieces_of(settings.memory)) {
  stats_.limit = settings.limit;
}

// Not before there is something to do: a process that is about to give privileges away must not
// have threads, which would keep theirs.
void Spool::start_threads() {
  threads_.emplace_back([this] { run_writer(); });
  for (int i = 0; i < kReaders; ++i) threads_.emplace_back([this] { run_reader(); });
}

Spool::~Spool() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    write_work_.notify_all();
    load_work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();  // nobody else is left who could start one
  Lock lock(mutex_);
  WEIR_CHECK(stats_.used == to_punch_.size() * body::kChunkSize);
}

bool Spool::owns(const body::Chunk& chunk) {
  return dynamic_cast<const SpoolChunk*>(&chunk) != nullptr;
}

Ref<body::Chunk> Spool::allocate(std::size_t size, bool pressing) {
  WEIR_CHECK(size <= body::kChunkSize);
  std::uint64_t offset = 0;
  std::byte* memory = take_room(pressing, offset);
  if (!memory) return {};
  auto buffer = make_ref<SpoolBuffer>(*this, memory, body::kChunkSize);
  return make_ref<SpoolChunk>(*this, std::move(buffer), size, offset);
}

// A slot in the file, and memory for what will be there. Null: one of them there is not.
std::byte* Spool::take_room(bool pressing, std::uint64_t& offset) {
  Lock lock(mutex_);
  const std::uint64_t limit = stats_.limit + (pressing ? stats_.limit / 8 : 0);
  std::byte* memory = stats_.used + body::kChunkSize > limit ? nullptr : chunks_.take();
  if (!memory) {
    ++stats_.refused;
    if (to_write_.empty()) try_stuck();
    return nullptr;
  }
  if (threads_.empty()) start_threads();
  stats_.used += body::kChunkSize;
  stats_.memory += body::kChunkSize;
  if (unused_.empty()) {
    offset = std::exchange(end_, end_ + body::kChunkSize);
  } else {
    offset = unused_.back();
    unused_.pop_back();
  }
  return memory;
}

// --- what goes -----------------------------------------------------------------------------------

// The last Ref of a buffer is gone.
void Spool::give(const SpoolBuffer& buffer) noexcept {
  Lock lock(mutex_);
  if (buffer.capacity() == body::kChunkSize) {
    chunks_.give(buffer.data());
    stats_.memory -= body::kChunkSize;
    wake_waiters();
  } else {
    pieces_.give(buffer.data());
    load_work_.notify_one();
  }
}

// The last Ref of a chunk is gone.
void Spool::retire(SpoolChunk& chunk) noexcept {
  Ref<SpoolBuffer> memory;
  SpoolChunk::Pieces pieces;  // both given back when the lock is
  Lock lock(mutex_);
  chunk.unlink();
  memory = std::move(chunk.memory_);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (chunk.pieces_[i]) pieces[i] = chunk.drop(i);
  }
  if (chunk.written_) {
    to_punch_.push_back(chunk.offset_);
    write_work_.notify_one();
  } else {
    free_slot(chunk.offset_);
  }
}

void Spool::free_slot(std::uint64_t offset) noexcept {
  stats_.used -= body::kChunkSize;
  unused_.push_back(offset);
  try_stuck();
  wake_waiters();
}

// There may be room on the disk again.
void Spool::try_stuck() noexcept {
  SpoolChunk* chunk = stuck_.pop_front();
  if (!chunk) return;
  to_write_.push_back(*chunk);
  write_work_.notify_one();
}

// --- waiting -------------------------------------------------------------------------------------

void Spool::wake_waiters() noexcept {
  for (body::Waiter* w : waiters_) w->wake();
  waiters_.clear();
}

void Spool::wait_for_room(body::Waiter& waiter) {
  Lock lock(mutex_);
  if (std::ranges::find(waiters_, &waiter) == waiters_.end()) waiters_.push_back(&waiter);
}

void Spool::forget(body::Waiter& waiter) noexcept {
  Lock lock(mutex_);
  std::erase(waiters_, &waiter);
}

SpoolStats Spool::stats() const {
  Lock lock(mutex_);
  return stats_;
}

}  // namespace weir::store
