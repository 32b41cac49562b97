#include "store/spool_chunk.h"

#include "base/check.h"

namespace weir::store {

body::Chunk::Part SpoolChunk::part(std::size_t at, std::size_t n, body::Waiter& reader) {
  Pieces passed;  // given back when the lock is
  Lock lock(spool_.mutex_);
  if (memory_) return {memory_, {data_ + at, n}};
  const std::size_t piece = at / Spool::kPiece;
  if ((lost_ & bit(piece)) != 0) return {{}, {}, true};
  SpoolBuffer* here = pieces_[piece].get();
  if (!here) {
    spool_.want(*this, piece);
    readers_.push_back(&reader);
    return {};
  }
  for (std::size_t i = 0; i < piece; ++i) {
    if (pieces_[i] && pieces_[i]->taken_) passed[i] = drop(i);
  }
  here->unlink();
  here->taken_ = true;
  spool_.taken_.push_back(*here);
  if (piece + 1 < pieces() && !spool_.pieces_.empty()) spool_.want(*this, piece + 1);
  const std::size_t from = at % Spool::kPiece;
  return {pieces_[piece], {here->data() + from, std::min(n, here->capacity() - from)}};
}

void SpoolChunk::forget(body::Waiter& reader) noexcept {
  Lock lock(spool_.mutex_);
  const auto it = std::ranges::find(readers_, &reader);
  if (it != readers_.end()) readers_.erase(it);
}

void SpoolChunk::soon() noexcept {
  Lock lock(spool_.mutex_);
  if (!memory_ && !spool_.pieces_.empty()) spool_.want(*this, 0);
}

void SpoolChunk::seal(std::size_t size) noexcept {
  Lock lock(spool_.mutex_);
  WEIR_CHECK(size > 0 && size <= capacity() && size_ == 0);
  size_ = size;
  spool_.to_write_.push_back(*this);
  spool_.write_work_.notify_one();
}

// It is the chunk's no more; under a lease it lives on.
Ref<SpoolBuffer> SpoolChunk::drop(std::size_t piece) {
  Ref<SpoolBuffer> buffer = std::move(pieces_[piece]);
  buffer->unlink();
  buffer->chunk_ = nullptr;
  return buffer;
}

}  // namespace weir::store
