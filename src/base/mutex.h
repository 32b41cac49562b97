#pragma once
// A mutex that Clang's -Wthread-safety understands, of four bytes where std::mutex has 40: each
// stored body has one. The three states are those of mutex 2 in Drepper,
// "Futexes Are Tricky". Locks are few and leaf: src/README.md names what is called under one.

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#if defined(__clang__)
#define WEIR_ATTRIBUTE(x) __attribute__((x))
#else
#define WEIR_ATTRIBUTE(x)
#endif
#define GUARDED_BY(x) WEIR_ATTRIBUTE(guarded_by(x))
#define REQUIRES_LOCK(...) WEIR_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES_LOCK(...) WEIR_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace weir {

class WEIR_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() noexcept WEIR_ATTRIBUTE(acquire_capability()) {
    if (take()) return;
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      futex(FUTEX_WAIT_PRIVATE, kAwaited);
    }
  }
  void unlock() noexcept WEIR_ATTRIBUTE(release_capability()) {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) futex(FUTEX_WAKE_PRIVATE, 1);
  }
  bool try_lock() noexcept WEIR_ATTRIBUTE(try_acquire_capability(true)) { return take(); }

 private:
  enum State : int { kFree, kHeld, kAwaited };  // awaited: held, and whoever unlocks must notify

  // Not std::atomic's wait(), which yields before it sleeps: on a busy machine a thread that yields
  // waits for all others, one that is woken does not. errno stays as it was.
  void futex(int operation, int value) noexcept {
    const int before = errno;
    ::syscall(SYS_futex, reinterpret_cast<int*>(&state_), operation, value, nullptr, nullptr, 0);
    errno = before;
  }
  bool take() noexcept {
    int free = kFree;
    return state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  std::atomic<int> state_{kFree};
};

class WEIR_ATTRIBUTE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& m) WEIR_ATTRIBUTE(acquire_capability(m)) : m_(m) { m_.lock(); }
  ~Lock() WEIR_ATTRIBUTE(release_capability()) { m_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& m_;
};

}  // namespace weir
