#include "sched/fair_queue.h"

#include "base/check.h"

namespace weir::sched {

std::uint32_t FairQueue::length_of(std::uint64_t client) const {
  const auto at = lines_.find(client);
  return at == lines_.end() ? 0 : at->second.length;
}

void FairQueue::push(Ticket& ticket) {
  Line& line = lines_[ticket.client];
  if (line.length == 0) ring_.push_back(line);
  ticket.again ? line.tickets.push_front(ticket) : line.tickets.push_back(ticket);
  set_length(line, line.length + 1);
  ++size_;
}

Ticket* FairQueue::pop() {
  Line* line = ring_.pop_front();
  if (!line) return nullptr;
  ring_.push_back(*line);
  Ticket* ticket = line->tickets.front();
  remove(*ticket);
  return ticket;
}

void FairQueue::remove(Ticket& ticket) {
  const auto at = lines_.find(ticket.client);
  WEIR_CHECK(at != lines_.end() && ticket.linked());
  ticket.unlink();
  --size_;
  set_length(at->second, at->second.length - 1);
  if (at->second.length == 0) lines_.erase(at);
}

Ticket& FairQueue::newest_of_longest() const {
  WEIR_CHECK(size_ > 0);
  return *levels_.back().front()->line.tickets.back();
}

// Lengths change by one, so the level below the last one is never empty when that becomes so.
void FairQueue::set_length(Line& line, std::uint32_t length) {
  line.level.unlink();
  line.length = length;
  if (levels_.size() < length) levels_.emplace_back();
  if (length > 0) levels_[length - 1].push_back(line.level);
  if (levels_.back().empty()) levels_.pop_back();
}

}  // namespace weir::sched
