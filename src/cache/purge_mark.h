#pragma once
// PurgeMark: what purges have said of one object: all of it that changes. Any thread, no lock.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace weir::cache {

enum class PurgeMode : std::uint8_t {
  kHard,  // nobody is given it any more
  kSoft,  // it is stale at once: good for validation, and for its grace
};

// One purge, as it reaches objects. Numbers rise by one with each.
struct Purging {
  PurgeMode mode = PurgeMode::kHard;
  std::uint64_t number = 0;
  WallTime at{};
};

class PurgeMark {
 public:
  // `born`: the number of the last purge when the object was asked for. That one and those before
  // it do not concern it; every later one does, also while it is being fetched.
  explicit PurgeMark(std::uint64_t born) : born_(born) {}

  std::uint64_t born() const { return born_; }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }
  std::optional<WallTime> stale_since() const {
    const std::uint32_t since = stale_since_.load(std::memory_order_relaxed);
    return since == kNever ? std::nullopt : std::optional(WallTime{Seconds{since}});
  }
  // Whether a purge after the one of that number has concerned it.
  bool purged_since(std::uint64_t number) const { return gone() || stale_by() > number; }
  // Whether it made a difference. It does not where it is older than the object, or where as much
  // was said before.
  bool apply(const Purging& purging) {
    if (purging.number <= born_ || gone()) return false;
    if (purging.mode == PurgeMode::kHard) return !gone_.exchange(true, std::memory_order_relaxed);
    std::uint32_t none = kNever;
    raise(stale_by_, purging.number);
    if (gone()) return true;
    const auto at = static_cast<std::uint32_t>(
        std::max<Seconds::rep>(purging.at.time_since_epoch().count(), 0));
    return stale_since_.compare_exchange_strong(none, at, std::memory_order_relaxed);
  }

  // What was said of the object that this one takes the place of, since this one was asked for.
  void inherit(const PurgeMark& old) {
    if (old.gone()) gone_.store(true, std::memory_order_relaxed);
    const std::uint64_t by = old.stale_by();
    if (by > born_) apply({PurgeMode::kSoft, by, old.stale_since().value_or(WallTime{})});
  }

  // The number of the ban up to which all have been held against the object.
  std::uint64_t examined() const { return born_ + examined_.load(std::memory_order_relaxed); }
  void set_examined(std::uint64_t number) { raise(examined_, number); }

 private:
  // Numbers of purges after born_ are kept as distances from it. Four billion purges later they
  // cannot be any more, and the object is gone with the first that concerns it.
  using Distance = std::atomic<std::uint32_t>;
  static constexpr std::uint32_t kNever = UINT32_MAX;

  std::uint64_t stale_by() const {  // the number of the last purge that said so, or born_
    return born_ + stale_by_.load(std::memory_order_relaxed);
  }
  void raise(Distance& value, std::uint64_t number) {
    if (number <= born_) return;
    if (number - born_ > UINT32_MAX) return gone_.store(true, std::memory_order_relaxed);
    const auto to = static_cast<std::uint32_t>(number - born_);
    std::uint32_t before = value.load(std::memory_order_relaxed);
    while (before < to && !value.compare_exchange_weak(before, to)) {
    }
  }

  const std::uint64_t born_;
  Distance examined_{0};
  std::atomic<std::uint32_t> stale_since_{kNever};  // seconds since 1970
  Distance stale_by_{0};
  std::atomic<bool> gone_{false};
};

}  // namespace weir::cache
