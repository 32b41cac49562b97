#pragma once
// Connections: how many are open in all workers together, and from each client address. Any thread;
// asked only when a connection comes or goes.

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace weir::front {

class Connections {
 public:
  // `per_client`: 0 does not count addresses.
  explicit Connections(std::uint64_t per_client) : per_client_(per_client) {}

  // From now on. Who came while addresses were not counted is not counted later.
  void set_per_client(std::uint64_t per_client) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    per_client_.store(per_client, std::memory_order_relaxed);
    if (per_client == 0) by_host_.clear();
  }

  std::uint64_t open() const { return open_.load(std::memory_order_relaxed); }
  // One more from `host`. False: it is counted, but above what one address may have.
  bool enter(const std::string& host) EXCLUDES_LOCK(mutex_) {
    open_.fetch_add(1, std::memory_order_relaxed);
    if (per_client_.load(std::memory_order_relaxed) == 0) return true;
    Lock lock(mutex_);
    const std::uint64_t most = per_client_.load(std::memory_order_relaxed);
    return most == 0 || ++by_host_[host] <= most;
  }
  void leave(const std::string& host) EXCLUDES_LOCK(mutex_) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    if (per_client_.load(std::memory_order_relaxed) == 0) return;
    Lock lock(mutex_);
    const auto it = by_host_.find(host);
    if (it != by_host_.end() && --it->second == 0) by_host_.erase(it);
  }

 private:
  std::atomic<std::uint64_t> per_client_;
  std::atomic<std::uint64_t> open_{0};
  Mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> by_host_ GUARDED_BY(mutex_);
};

}  // namespace weir::front
