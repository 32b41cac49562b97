#pragma once
// Two clocks that never mix: TimePoint is steady and used for every timeout; WallTime is the
// calendar and used only where HTTP speaks of dates (RFC 9110 §5.6.7, RFC 9111 §4.2). Nothing here
// reads a clock: only net/ and app/ do, all others take the time as an argument.

#include <chrono>

namespace weir {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using Seconds = std::chrono::seconds;
using WallTime = std::chrono::sys_seconds;  // whole seconds, as HTTP dates are

inline constexpr Duration kForever = Duration::max();

// a + b without overflow; kForever stays kForever.
constexpr TimePoint after(TimePoint start, Duration wait) {
  return wait >= TimePoint::max() - start ? TimePoint::max() : start + wait;
}

}  // namespace weir
