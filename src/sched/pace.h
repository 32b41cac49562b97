#pragma once
// Pace: how often a place comes free while a client waits for one. Only then does it tell what the
// origin can do; at other times it tells what was asked of it. Pure.

#include "base/time.h"

namespace weir::sched {

class Pace {
 public:
  // A client waits from now on.
  void begin(TimePoint now) { since_ = now; }
  // A place came free while a client waited.
  void freed(TimePoint now) {
    mean_ = known_ ? blend(now - since_) : now - since_;
    known_ = true;
    since_ = now;
  }
  // From one free place to the next, the present gap included once it is longer than usual.
  Duration interval(TimePoint now) const {
    const Duration gap = now - since_;
    if (!known_) return gap;
    return gap > mean_ ? blend(gap) : mean_;
  }

 private:
  Duration blend(Duration gap) const { return mean_ + (gap - mean_) / 16; }

  TimePoint since_{};
  Duration mean_{0};
  bool known_ = false;
};

}  // namespace weir::sched
