#pragma once
// A std::mutex that Clang's -Wthread-safety understands. Locks are few and leaf: nothing is called
// under one but Waiter::wake and Executor::post.

#include <mutex>

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
  void lock() WEIR_ATTRIBUTE(acquire_capability()) { m_.lock(); }
  void unlock() WEIR_ATTRIBUTE(release_capability()) { m_.unlock(); }
  bool try_lock() WEIR_ATTRIBUTE(try_acquire_capability(true)) { return m_.try_lock(); }

 private:
  std::mutex m_;
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
