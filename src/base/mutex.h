#pragma once
// A mutex that Clang's -Wthread-safety understands, of four bytes where std::mutex has 40: each
// stored body has one. Waiting is std::atomic's; the three states are those of mutex 2 in Drepper,
// "Futexes Are Tricky". Locks are few and leaf: src/README.md names what is called under one.

#include <atomic>
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
      state_.wait(kAwaited, std::memory_order_relaxed);
    }
  }
  void unlock() noexcept WEIR_ATTRIBUTE(release_capability()) {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }
  bool try_lock() noexcept WEIR_ATTRIBUTE(try_acquire_capability(true)) { return take(); }

 private:
  enum State : int { kFree, kHeld, kAwaited };  // awaited: held, and whoever unlocks must notify

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
