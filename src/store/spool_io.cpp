// The spool's threads: the only ones that touch its file.

#include <bit>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/hash.h"
#include "base/log.h"
#include "store/spool.h"
#include "store/spool_chunk.h"

namespace weir::store {

namespace {

std::uint64_t sum_of(Bytes bytes) {
  return hash64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

// One of the two.
struct Spool::Write {
  std::optional<std::uint64_t> hole;  // a slot to be punched
  Ref<SpoolChunk> chunk;
  Ref<SpoolBuffer> memory;
  std::size_t size = 0;
};

struct Spool::Load {
  Ref<SpoolChunk> chunk;
  Ref<SpoolBuffer> memory;
  std::size_t piece = 0;
  std::uint64_t sum = 0;
};

// --- writing -------------------------------------------------------------------------------------

void Spool::run_writer() {
  for (Write write; next_write(write); write = {}) {
    if (write.hole) {
      punch(*write.hole);
    } else if (!write.chunk->unique()) {  // else nobody wants it any more
      perform(write);
    }
  }
}

// False: the end.
bool Spool::next_write(Write& write) {
  Lock lock(mutex_);
  for (;;) {
    while (to_write_.empty() && to_punch_.empty() && !stopping_) write_work_.wait(mutex_);
    if (stopping_) return false;
    if (!to_punch_.empty()) {  // it makes room
      write.hole = to_punch_.back();
      to_punch_.pop_back();
      return true;
    }
    write.chunk = Ref<SpoolChunk>::try_ref(to_write_.pop_front());
    if (!write.chunk) continue;  // it is dying
    write.memory = write.chunk->memory_;
    write.size = write.chunk->size_;
    return true;
  }
}

void Spool::punch(std::uint64_t offset) {
  // Where that fails the blocks are used again with the slot.
  static_cast<void>(file_->punch(offset, body::kChunkSize));
  Lock lock(mutex_);
  free_slot(offset);
}

void Spool::perform(Write& write) {
  SpoolChunk& chunk = *write.chunk;
  const Bytes bytes(write.memory->data(), write.size);
  std::array<std::uint64_t, SpoolChunk::kPieces> sums{};
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    sums[at / kPiece] = sum_of(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
  }
  chunk.written_ = true;
  const auto done = write_all(*file_, {&bytes, 1}, chunk.offset_);
  bool news = false;
  {
    Lock lock(mutex_);
    news = std::exchange(faulty_, !done) == done.has_value();
    if (done) {
      chunk.sums_ = sums;
      chunk.memory_ = nullptr;  // not the last Ref: we have one
      try_stuck();
    } else {
      stuck_.push_back(chunk);
    }
  }
  if (!news) return;
  if (done) {
    log_info("spool={} takes bytes again", directory_);
  } else {
    log_warn("spool={}: {}; what it does not take stays in memory", directory_,
             describe(done.error()));
  }
}

// --- reading -------------------------------------------------------------------------------------

void Spool::run_reader() {
  for (Load load; next_load(load); load = {}) perform(load);
}

// False: the end.
bool Spool::next_load(Load& load) {
  for (;;) {
    Ref<SpoolBuffer> stolen;  // gives its memory back when the lock is, unless it is leased
    Lock lock(mutex_);
    while (!stopping_ &&
           (to_load_.empty() || (pieces_.empty() && taken_.empty() && fresh_.empty()))) {
      load_work_.wait(mutex_);
    }
    if (stopping_) return false;
    if (pieces_.empty()) {
      stolen = steal();
      continue;
    }
    load.chunk = Ref<SpoolChunk>::try_ref(to_load_.pop_front());
    if (!load.chunk) continue;  // it is dying
    SpoolChunk& chunk = *load.chunk;
    load.piece = static_cast<std::size_t>(std::countr_zero(chunk.wanted_));
    load.sum = chunk.sums_[load.piece];
    load.memory = make_ref<SpoolBuffer>(*this, pieces_.take(), chunk.piece_size(load.piece));
    chunk.wanted_ &= ~SpoolChunk::bit(load.piece);
    chunk.loading_ |= SpoolChunk::bit(load.piece);
    if (chunk.wanted_ != 0) to_load_.push_back(chunk);
    return true;
  }
}

// The piece that is worth least is taken from its chunk.
Ref<SpoolBuffer> Spool::steal() {
  const SpoolBuffer* victim = taken_.empty() ? fresh_.front() : taken_.front();
  return victim->chunk_->drop(victim->index_);
}

void Spool::want(SpoolChunk& chunk, std::size_t piece) {
  const SpoolChunk::Set bit = SpoolChunk::bit(piece);
  if (((chunk.wanted_ | chunk.loading_ | chunk.lost_) & bit) != 0 || chunk.pieces_[piece]) return;
  if (chunk.wanted_ == 0) to_load_.push_back(chunk);
  chunk.wanted_ |= bit;
  load_work_.notify_one();
}

void Spool::perform(Load& load) {
  SpoolChunk& chunk = *load.chunk;
  SpoolBuffer& memory = *load.memory;
  const std::uint64_t offset = chunk.offset_ + load.piece * kPiece;
  auto done = read_all(*file_, {memory.data(), memory.capacity()}, offset);
  if (done && sum_of({memory.data(), memory.capacity()}) != load.sum) {
    done = fail(Errc::kDiskRead, EBADMSG);
  }
  {
    Lock lock(mutex_);
    chunk.loading_ &= ~SpoolChunk::bit(load.piece);
    if (done) {
      memory.chunk_ = &chunk;
      memory.index_ = load.piece;
      chunk.pieces_[load.piece] = load.memory;
      fresh_.push_back(memory);
      load_work_.notify_one();  // it may be taken for another
    } else {
      chunk.lost_ |= SpoolChunk::bit(load.piece);
    }
    for (body::Waiter* w : chunk.readers_) w->wake();
    chunk.readers_.clear();
  }
  if (!done) {
    log_error("spool={}: {}; a response that is not kept is cut", directory_,
              describe(done.error()));
  }
}

}  // namespace weir::store
