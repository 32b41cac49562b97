#pragma once
// Ticket: one fetch as the scheduler sees it. Its owner holds it, fills in what stands on top
// before submit(), and withdraws it before it dies. Not thread safe: the scheduler's owner holds
// the lock.

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/list.h"
#include "base/time.h"

namespace weir::sched {

// From the highest to the lowest.
enum class Lane : std::uint8_t { kClientWaits, kRevalidation, kPrefetch };
inline constexpr std::size_t kLanes = 3;

struct Ticket : ListNode {  // among what waits for the same client
  enum class State : std::uint8_t { kNew, kWaiting, kRunning, kRefused };
  struct Deadline : ListNode {  // among all that wait
    explicit Deadline(Ticket& t) : ticket(t) {}
    Ticket& ticket;
  };

  // The owner's; not to be changed between submit() and withdraw().
  Lane lane = Lane::kClientWaits;
  std::uint64_t client = 0;  // a hash of who asks; 0: nobody in particular, all such are one client
  // It had a place and gave it back for a while: it stands in front of its client's line, and no
  // full queue refuses it.
  bool again = false;

  // The scheduler's.
  State state = State::kNew;
  Errc refusal = Errc::kQueueFull;  // kRefused: kQueueFull or kQueueTimeout
  TimePoint submitted{};
  TimePoint deadline = TimePoint::max();  // kWaiting: refused from then on
  Deadline by_deadline{*this};
};

}  // namespace weir::sched
