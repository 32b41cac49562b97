#pragma once
// PurgeGate: while another Weir takes over from this one, what is purged here must be purged there,
// too. Those of URLs are, and are kept to be told; others are refused, for who orders them can ask
// the other one. Any thread; the lock is a leaf.
//
//   Open --close()--> Closed, quiet() once what began before is carried out --open()--> Open

#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/purge.h"

namespace weir::proxy {

struct PurgedUrl {
  std::string url;  // as Key::url()
  cache::PurgeMode mode = cache::PurgeMode::kHard;
};

class PurgeGate {
 public:
  static constexpr std::size_t kToldMost = 100'000;

  // True: it may begin, and leave() is owed when it is carried out.
  bool enter(const cache::PurgeOrder& order) EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    if (closed_) {
      const bool told =
          order.tags.empty() && !order.ban && told_.size() + order.urls.size() <= kToldMost;
      if (!told) return false;
      for (const std::string& url : order.urls) told_.push_back({url, order.mode});
    }
    ++under_way_;
    return true;
  }
  void leave() EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    --under_way_;
  }

  void close() EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    closed_ = true;
  }
  void open() EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    closed_ = false;
    told_.clear();
  }
  bool is_open() const EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    return !closed_;
  }
  bool quiet() const EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    return under_way_ == 0;
  }
  // What was purged since close(), or since this was last asked.
  std::vector<PurgedUrl> take() EXCLUDES_LOCK(mutex_) {
    const Lock lock(mutex_);
    return std::exchange(told_, {});
  }

 private:
  mutable Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::size_t under_way_ GUARDED_BY(mutex_) = 0;
  std::vector<PurgedUrl> told_ GUARDED_BY(mutex_);
};

}  // namespace weir::proxy
