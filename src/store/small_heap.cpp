#include "store/small_heap.h"

#include <algorithm>
#include <new>

#ifdef WEIR_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace weir::store::small_heap {

#ifdef WEIR_HAVE_JEMALLOC

namespace {

// No thread cache: what one thread frees shall be there for all, and freed bytes shall be free.
int flags() noexcept {
  static const int made = [] {
    unsigned arena = 0;
    std::size_t size = sizeof(arena);
    // Without an arena of its own it shares the default ones.
    if (mallctl("arenas.create", &arena, &size, nullptr, 0) != 0) return MALLOCX_TCACHE_NONE;
    return static_cast<int>(MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
  }();
  return made;
}

}  // namespace

void* allocate(std::size_t bytes) noexcept { return mallocx(bytes, flags()); }
void free(void* at) noexcept { dallocx(at, flags()); }
std::size_t cost(std::size_t bytes) noexcept { return nallocx(bytes, 0); }

#else

void* allocate(std::size_t bytes) noexcept { return ::operator new(bytes, std::nothrow); }
void free(void* at) noexcept { ::operator delete(at); }
std::size_t cost(std::size_t bytes) noexcept {  // as glibc's malloc: a header, multiples of 16
  return std::max<std::size_t>(32, (bytes + 8 + 15) / 16 * 16);
}

#endif

}  // namespace weir::store::small_heap
