#pragma once
// BanList: the bans that objects are still to be held against. An object that nobody has looked at
// since a ban came is examined when it is found next, or by the ban's own sweep over the index;
// when that sweep is over, every object is younger or examined, and the ban is retired: it stays
// only for what is being fetched, until its place is needed. Bounded; any thread; its lock is a
// leaf, and nothing is matched under it.

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "cache/ban.h"
#include "cache/purge_mark.h"

namespace weir::cache {

class BanList {
 public:
  static constexpr std::size_t kMost = 64;

  // `clock`: the number of the last purge, which rises by one. Nothing: too many are not retired.
  std::optional<Purging> add(Ref<Ban> ban, PurgeMode mode, WallTime at,
                             std::atomic<std::uint64_t>& clock);
  // Every object has been held against the bans up to this one.
  void retire(std::uint64_t number);
  std::size_t active() const;  // not retired

  // Whether some ban is still to be held against the object. The question of every hit: two loads.
  bool concern(const PurgeMark& mark) const {
    return mark.examined() < newest_.load(std::memory_order_acquire);
  }
  // Holds against it what has not been yet. Where too many came since the object was asked for to
  // remember them all, it counts as purged.
  void examine(std::string_view url, const http::Response& head, PurgeMark& mark) const;

 private:
  struct Listed {
    Ref<Ban> ban;
    Purging purging;
    bool retired = false;
  };
  struct Snapshot {
    std::vector<Listed> bans;
    std::uint64_t forgotten = 0;  // bans up to this one are not there any more
  };

  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> now_ GUARDED_BY(mutex_) = std::make_shared<Snapshot>();
  std::atomic<std::uint64_t> newest_{0};
};

}  // namespace weir::cache
