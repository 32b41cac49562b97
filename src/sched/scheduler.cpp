#include "sched/scheduler.h"

#include <algorithm>

namespace weir::sched {

Ticket::State Scheduler::submit(Ticket& ticket, TimePoint now) {
  WEIR_CHECK(ticket.state == Ticket::State::kNew);
  if (place_free() && waiting_ == 0) {
    ++running_;
    return ticket.state = Ticket::State::kRunning;
  }
  if (waiting_ >= limits_.waiting) return ticket.state = Ticket::State::kRefused;
  ticket.deadline = after(now, limits_.patience);
  lanes_[static_cast<std::size_t>(ticket.lane)].push_back(ticket);
  ++waiting_;
  return ticket.state = Ticket::State::kWaiting;
}

void Scheduler::withdraw(Ticket& ticket) {
  switch (ticket.state) {
    case Ticket::State::kRunning:
      --running_;
      break;
    case Ticket::State::kWaiting:
      ticket.unlink();
      --waiting_;
      break;
    case Ticket::State::kNew:
    case Ticket::State::kRefused:
      break;
  }
  ticket.state = Ticket::State::kNew;
}

Ticket* Scheduler::next() {
  if (!place_free()) return nullptr;
  for (List<Ticket>& lane : lanes_) {
    if (Ticket* ticket = lane.pop_front()) {
      --waiting_;
      ++running_;
      ticket->state = Ticket::State::kRunning;
      return ticket;
    }
  }
  return nullptr;
}

Ticket* Scheduler::expired(TimePoint now) {
  for (List<Ticket>& lane : lanes_) {
    Ticket* ticket = lane.front();
    if (!ticket || ticket->deadline > now) continue;
    ticket->unlink();
    --waiting_;
    ticket->state = Ticket::State::kRefused;
    return ticket;
  }
  return nullptr;
}

TimePoint Scheduler::next_deadline() const {
  TimePoint earliest = TimePoint::max();
  for (const List<Ticket>& lane : lanes_) {
    if (const Ticket* ticket = lane.front()) earliest = std::min(earliest, ticket->deadline);
  }
  return earliest;
}

}  // namespace weir::sched
