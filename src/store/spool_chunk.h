#pragma once
// SpoolChunk: a chunk of a Spool, in memory or in the file; SpoolBuffer: the memory. A lease pins
// the buffer, not the chunk, so that nobody gets memory that is still looked at. Private to store/.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/list.h"
#include "store/spool.h"

namespace weir::store {

// Of a whole chunk (while it has no place in the file) or of one piece. The latter is in a list of
// the spool as long as its chunk has it.
class SpoolBuffer final : public body::Chunk, public ListNode {
 public:
  SpoolBuffer(Spool& spool, std::byte* data, std::size_t size)
      : Chunk(size), spool_(spool), data_(data) {}
  ~SpoolBuffer() override { spool_.give(*this); }

  std::byte* data() const override { return data_; }

 private:
  friend class Spool;
  friend class SpoolChunk;

  Spool& spool_;
  std::byte* const data_;
  // Of a piece, under the spool's lock:
  SpoolChunk* chunk_ = nullptr;  // null: it has it no more
  std::size_t index_ = 0;
  bool taken_ = false;  // read by somebody
};

class SpoolChunk final : public body::Chunk, public ListNode {
 public:
  SpoolChunk(Spool& spool, Ref<SpoolBuffer> memory, std::size_t size, std::uint64_t offset)
      : Chunk(size),
        spool_(spool),
        offset_(offset),
        data_(memory->data()),
        memory_(std::move(memory)) {}
  ~SpoolChunk() override { spool_.retire(*this); }

  std::byte* data() const override { return data_; }
  Part part(std::size_t at, std::size_t n, body::Waiter& reader) override;
  void forget(body::Waiter& reader) noexcept override;
  void soon() noexcept override;
  void seal(std::size_t size) noexcept override;

 private:
  friend class Spool;
  static constexpr std::size_t kPieces = body::kChunkSize / Spool::kPiece;
  using Set = std::uint32_t;  // of pieces, a bit each
  using Pieces = std::array<Ref<SpoolBuffer>, kPieces>;

  static constexpr Set bit(std::size_t piece) { return Set{1} << piece; }
  std::size_t piece_size(std::size_t piece) const {
    return std::min(Spool::kPiece, size_ - piece * Spool::kPiece);
  }
  std::size_t pieces() const { return (size_ + Spool::kPiece - 1) / Spool::kPiece; }
  Ref<SpoolBuffer> drop(std::size_t piece);

  Spool& spool_;
  const std::uint64_t offset_;  // in the file
  std::byte* const data_;       // of memory_, while that is
  bool written_ = false;        // the writing thread's: something of it may be in the file
  // Under the spool's lock:
  std::size_t size_ = 0;     // 0: not sealed
  Ref<SpoolBuffer> memory_;  // null: it is in the file
  Pieces pieces_;            // of what is there, those that are here as well
  std::array<std::uint64_t, kPieces> sums_{};
  Set wanted_ = 0;   // to be read; not 0: it is in Spool::to_load_
  Set loading_ = 0;  // being read
  Set lost_ = 0;     // cannot be read
  std::vector<body::Waiter*> readers_;
};

}  // namespace weir::store
