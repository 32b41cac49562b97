#pragma once
// Durations: a histogram of times in fixed buckets. One thread writes, any thread may read.

#include <array>
#include <chrono>
#include <cstdint>

#include "base/count.h"
#include "base/time.h"

namespace weir {

class Durations {
 public:
  // Upper bounds of the buckets, inclusive; one more bucket takes the rest. From what a hit takes
  // to what a large download over a poor network takes.
  static constexpr std::array<Duration, 20> kBounds = {
      std::chrono::microseconds(500),  std::chrono::milliseconds(1),
      std::chrono::microseconds(2500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
      std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
      std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
      std::chrono::seconds(1),         std::chrono::milliseconds(2500),
      std::chrono::seconds(5),         std::chrono::seconds(10),
      std::chrono::seconds(30),        std::chrono::minutes(1),
      std::chrono::minutes(2),         std::chrono::minutes(5),
      std::chrono::minutes(30),        std::chrono::hours(2),
  };
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

  // The writer. A negative time counts as none.
  void add(Duration d) noexcept {
    std::size_t i = 0;
    while (i < kBounds.size() && d > kBounds[i]) ++i;
    buckets_[i].add();
    if (d > Duration::zero()) nanoseconds_.add(static_cast<std::uint64_t>(d.count()));
  }
  // REQUIRES: the caller is the writer of this one.
  void merge(const Durations& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i].add(other.buckets_[i].get());
    nanoseconds_.add(other.nanoseconds_.get());
  }

  // Any thread. Buckets and sum are read one by one: a time that is being added may be in one and
  // not yet in the other.
  std::uint64_t bucket(std::size_t i) const noexcept { return buckets_[i].get(); }
  std::uint64_t count() const noexcept {
    std::uint64_t n = 0;
    for (const Count& b : buckets_) n += b.get();
    return n;
  }
  Duration sum() const noexcept { return Duration(static_cast<Duration::rep>(nanoseconds_.get())); }
  // The bound of the bucket in which that share (0..1) of all times is reached: "no more than". The
  // last bound stands for the rest as well; zero: nothing was added.
  Duration at_most(double share) const noexcept;

 private:
  std::array<Count, kBuckets> buckets_;
  Count nanoseconds_;
};

}  // namespace weir
