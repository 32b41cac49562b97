#pragma once
// TunnelLimit: how many tunnels all workers together have to one origin. Any thread.

#include <atomic>
#include <cstdint>
#include <utility>

namespace weir::proxy {

class TunnelLimit {
 public:
  // One tunnel, or a request that may become one; counted until this dies.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
    Place& operator=(Place&& other) noexcept {
      free();
      limit_ = std::exchange(other.limit_, nullptr);
      return *this;
    }
    ~Place() { free(); }
    explicit operator bool() const { return limit_ != nullptr; }
    void free() {
      if (limit_) std::exchange(limit_, nullptr)->open_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    friend class TunnelLimit;
    explicit Place(TunnelLimit& limit) : limit_(&limit) {}
    TunnelLimit* limit_ = nullptr;
  };

  explicit TunnelLimit(std::uint64_t most) : most_(most) {}  // 0: no limit

  Place take() {  // an empty one: there are as many as may be
    std::uint64_t open = open_.load(std::memory_order_relaxed);
    do {
      if (most_ != 0 && open >= most_) return {};
    } while (!open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed));
    return Place(*this);
  }
  std::uint64_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> open_{0};
};

}  // namespace weir::proxy
