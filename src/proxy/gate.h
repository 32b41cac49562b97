#pragma once
// Gate: the scheduler of one origin, shared by all workers. Any thread; a leaf lock.

#include "base/mutex.h"
#include "body/waiter.h"
#include "sched/scheduler.h"

namespace weir::proxy {

// A place in the scheduler. `owner` is woken when a waiting ticket may start.
struct GateTicket : sched::Ticket {
  body::Waiter* owner = nullptr;
};

class Gate {
 public:
  using State = sched::Ticket::State;

  explicit Gate(const sched::Limits& limits) : scheduler_(limits) {}

  State enter(GateTicket& ticket, TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    const State state = scheduler_.submit(ticket, now);
    return state;
  }
  State state(const GateTicket& ticket) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return ticket.state;
  }
  // Running or waiting, the ticket leaves; who can start now is woken. Idempotent.
  void leave(GateTicket& ticket) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    scheduler_.withdraw(ticket);
    while (sched::Ticket* next = scheduler_.next()) static_cast<GateTicket*>(next)->owner->wake();
  }
  struct Load {
    std::uint32_t running = 0;
    std::uint32_t waiting = 0;
  };
  Load load() EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return {scheduler_.running(), scheduler_.waiting()};
  }

 private:
  Mutex mutex_;
  sched::Scheduler scheduler_ GUARDED_BY(mutex_);
};

}  // namespace weir::proxy
