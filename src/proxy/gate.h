#pragma once
// Gate: the scheduler of one origin, shared by all workers. Any thread; a leaf lock.

#include <algorithm>

#include "base/mutex.h"
#include "body/waiter.h"
#include "sched/retry_budget.h"
#include "sched/scheduler.h"

namespace weir::proxy {

// A place in the scheduler. `owner` is woken when a waiting ticket may start, or is refused; which
// of them, and why it was refused, stands in the ticket once state() has said that it waits no
// more.
struct GateTicket : sched::Ticket {
  body::Waiter* owner = nullptr;
};

class Gate {
 public:
  using State = sched::Ticket::State;

  explicit Gate(const sched::Limits& limits) : scheduler_(limits), retries_(budget(limits)) {}

  State enter(GateTicket& ticket, TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    if (!ticket.again) retries_.request();
    settle(now);
    const auto [state, displaced] = scheduler_.submit(ticket, now);
    if (displaced) wake(*displaced);
    return state;
  }
  State state(const GateTicket& ticket) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return ticket.state;
  }
  // Running or waiting, the ticket leaves; who can start now is woken. Idempotent.
  void leave(GateTicket& ticket, TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    scheduler_.withdraw(ticket, now);
    settle(now);
  }
  // Deadlines end by time alone: who waits looks again at its deadline, and now and then.
  void look(TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    settle(now);
  }

  // See sched/scheduler.h.
  void set_capacity(std::uint32_t places, TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    scheduler_.set_capacity(places);
    settle(now);
  }
  bool move(GateTicket& ticket, sched::Lane lane, TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    const bool moved = scheduler_.move(ticket, lane);
    settle(now);
    return moved;
  }
  // True: a retry is within the budget, and paid for.
  bool may_retry(TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return retries_.take(now);
  }

  struct Load {
    std::uint32_t running = 0;
    std::uint32_t waiting = 0;
  };
  Load load() EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return {scheduler_.running(), scheduler_.waiting()};
  }
  Seconds retry_after(TimePoint now) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return scheduler_.retry_after(now);
  }
  sched::LaneStats stats(sched::Lane lane) EXCLUDES_LOCK(mutex_) {
    Lock lock(mutex_);
    return scheduler_.stats(lane);
  }

 private:
  // All that is under way when a server dies may be asked again once.
  static sched::RetryBudgetSettings budget(const sched::Limits& limits) {
    sched::RetryBudgetSettings s;
    s.burst = std::max(s.burst, limits.running);
    return s;
  }
  static void wake(sched::Ticket& ticket) { static_cast<GateTicket&>(ticket).owner->wake(); }
  void settle(TimePoint now) REQUIRES_LOCK(mutex_) {
    while (sched::Ticket* refused = scheduler_.expired(now)) wake(*refused);
    while (sched::Ticket* next = scheduler_.next(now)) wake(*next);
  }

  Mutex mutex_;
  sched::Scheduler scheduler_ GUARDED_BY(mutex_);
  sched::RetryBudget retries_ GUARDED_BY(mutex_);
};

}  // namespace weir::proxy
