#pragma once
// WEIR_CHECK guards our own promises, in release too: a broken one prints where and aborts. Never
// for what the network sent. WEIR_DCHECK is the same for hot loops, only in debug builds.

namespace weir {

[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;

}  // namespace weir

#define WEIR_CHECK(cond) \
  (static_cast<bool>(cond) ? void() : ::weir::check_failed(#cond, __FILE__, __LINE__))
#ifdef NDEBUG
#define WEIR_DCHECK(cond) (static_cast<void>(sizeof(cond)))
#else
#define WEIR_DCHECK(cond) WEIR_CHECK(cond)
#endif
