#pragma once
// Count: a number that one thread writes and any thread may read: a counter or gauge of one worker.
// No lock and no locked instruction: a plain add to memory of the writer's own.

#include <atomic>
#include <cstdint>

namespace weir {

class Count {
 public:
  Count() = default;
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

  // Any thread.
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }
  // Any thread, for a number that is only ever raise()d: the largest since the last take().
  std::uint64_t take() noexcept { return value_.exchange(0, std::memory_order_relaxed); }

  // The writer.
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  void add(std::uint64_t n = 1) noexcept { set(get() + n); }
  void raise(std::uint64_t n) noexcept {
    if (n > get()) set(n);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace weir
