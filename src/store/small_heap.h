#pragma once
// SmallHeap: memory for chunk objects and for the bytes of small chunks behind them. In release a
// jemalloc arena of its own, so that long-lived cache bytes do not fragment everybody else's heap
// and are counted as they are rounded. Process-wide; any thread.

#include <cstddef>

namespace weir::store::small_heap {

void* allocate(std::size_t bytes) noexcept;  // null: no memory
void free(void* at) noexcept;
std::size_t cost(std::size_t bytes) noexcept;  // what allocate(bytes) really takes

}  // namespace weir::store::small_heap
