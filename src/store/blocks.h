#pragma once
// Blocks: memory in blocks of one size. Its addresses are taken at once, its pages as blocks are
// first used; what was used last is used again first, so that no more pages are touched than
// were needed at a time. Not thread safe.

#include <cstddef>
#include <vector>

namespace weir::store {

class Blocks {
 public:
  Blocks(std::size_t block, std::size_t count);
  ~Blocks();
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  bool empty() const { return free_.empty() && next_ == count_; }
  std::byte* take();  // null: all are in use
  void give(std::byte* block) noexcept;

 private:
  const std::size_t block_;
  const std::size_t count_;
  std::byte* const base_;
  std::size_t next_ = 0;          // blocks from this one on were never used
  std::vector<std::byte*> free_;  // has room for all
};

}  // namespace weir::store
