#include "store/blocks.h"

#include <sys/mman.h>

#include "base/check.h"

namespace weir::store {

namespace {

std::byte* map(std::size_t bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  WEIR_CHECK(at != MAP_FAILED);  // addresses alone: as good as out of memory
  ::madvise(at, bytes, MADV_DONTDUMP);
  return static_cast<std::byte*>(at);
}

}  // namespace

Blocks::Blocks(std::size_t block, std::size_t count)
    : block_(block), count_(count), base_(map(block * count)) {
  free_.reserve(count);
}

Blocks::~Blocks() { ::munmap(base_, block_ * count_); }

std::byte* Blocks::take() {
  if (empty()) return nullptr;
  if (free_.empty()) return base_ + block_ * next_++;
  std::byte* block = free_.back();
  free_.pop_back();
  return block;
}

void Blocks::give(std::byte* block) noexcept { free_.push_back(block); }

}  // namespace weir::store
