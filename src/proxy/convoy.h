#pragma once
// Convoy: whether the fetch of an object larger than the store goes on waiting for the slowest of
// its readers, or leaves it behind to fetch by range what it then misses. Pure.
//
//              no room             a window without waiting
//   Open ------------------> Waiting ---------------------> Open
//    ^                          |
//    \------ leave behind ------/ nothing moved for a window, or at less than a share of the pace
//                                 that there was before
//
// So clients of like speed cost one fetch however far their ways through the store drift apart, and
// one that is much slower does not hold the others up for more than a moment.

#include <cstdint>

#include "base/time.h"

namespace weir::proxy {

class Convoy {
 public:
  static constexpr Duration kWindow = std::chrono::milliseconds(500);
  static constexpr std::uint64_t kShare = 4;  // a quarter of the pace is still together

  Convoy(TimePoint now, std::uint64_t offset) : since_(now), from_(offset) {}

  // The fetch stands at `offset`; `waited`: it was without room since the last look. True: go on
  // without those who are behind.
  bool leave_behind(TimePoint now, std::uint64_t offset, bool waited);

 private:
  void open(TimePoint now, std::uint64_t offset);

  TimePoint since_;         // Open: of the pace; Waiting: of the window
  std::uint64_t from_;      // the offset then
  std::uint64_t pace_ = 0;  // bytes per second while there was room
  bool waiting_ = false;
};

}  // namespace weir::proxy
