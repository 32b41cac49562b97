#include "sched/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace weir::sched {

Scheduler::Scheduler(const Limits& limits) : limits_(limits) {
  const std::uint32_t lower = limits.waiting == 0 ? 0 : std::max(1u, limits.waiting / 8);
  for (LaneState& lane : lanes_) lane.queue_max = lower;
  clients().queue_max = limits.waiting;
}

// ---- In and out

Scheduler::Admission Scheduler::submit(Ticket& ticket, TimePoint now) {
  WEIR_CHECK(ticket.state == Ticket::State::kNew);
  advance(now);
  ticket.submitted = now_;
  LaneState& lane = lane_of(ticket);
  ++lane.stats.submitted;
  if (lane.queue.empty() && has_place(static_cast<std::size_t>(ticket.lane)) && !pick()) {
    begin(ticket);
    return {ticket.state};
  }
  Ticket* displaced = nullptr;
  if (lane.queue.size() >= lane.queue_max && !ticket.again) {
    displaced = displace(lane, ticket.client);
    if (!displaced) {
      refuse(ticket, Errc::kQueueFull);
      return {ticket.state};
    }
  }
  enqueue(lane, ticket);
  return {ticket.state, displaced};
}

void Scheduler::withdraw(Ticket& ticket, TimePoint now) {
  advance(now);
  LaneState& lane = lane_of(ticket);
  switch (ticket.state) {
    case Ticket::State::kRunning:
      --lane.running;
      ++lane.stats.completed;
      if (!clients().queue.empty()) pace_.freed(now_);
      break;
    case Ticket::State::kWaiting:
      dequeue(lane, ticket);
      ++lane.stats.withdrawn;
      break;
    case Ticket::State::kNew:
    case Ticket::State::kRefused:
      break;
  }
  ticket.state = Ticket::State::kNew;
}

bool Scheduler::move(Ticket& ticket, Lane lane) {
  WEIR_CHECK(ticket.state == Ticket::State::kRunning);
  LaneState& from = lane_of(ticket);
  --from.running;
  if (lane > ticket.lane && !has_place(static_cast<std::size_t>(lane))) {
    ++from.running;
    return false;
  }
  ++from.stats.completed;
  ticket.lane = lane;
  LaneState& to = lane_of(ticket);
  ++to.running;
  ++to.stats.submitted;
  ++to.stats.started;
  return true;
}

Ticket* Scheduler::next(TimePoint now) {
  advance(now);
  const auto chosen = pick();
  if (!chosen) return nullptr;
  for (std::size_t l = *chosen + 1; l < kLanes; ++l) {
    if (!lanes_[l].queue.empty() && has_place(l)) ++lanes_[l].passed_over;
  }
  LaneState& lane = lanes_[*chosen];
  lane.passed_over = 0;
  Ticket& ticket = *lane.queue.pop();
  after_wait(lane, ticket);
  begin(ticket);
  return &ticket;
}

Ticket* Scheduler::expired(TimePoint now) {
  advance(now);
  const Ticket::Deadline* first = deadlines_.front();
  if (!first || first->ticket.deadline > now_) return nullptr;
  Ticket& ticket = first->ticket;
  dequeue(lane_of(ticket), ticket);
  refuse(ticket, Errc::kQueueTimeout);
  return &ticket;
}

TimePoint Scheduler::next_deadline() const {
  const Ticket::Deadline* first = deadlines_.front();
  return first ? first->ticket.deadline : TimePoint::max();
}

void Scheduler::enqueue(LaneState& lane, Ticket& ticket) {
  if (&lane == &clients() && lane.queue.empty()) pace_.begin(now_);
  ticket.deadline = after(now_, limits_.patience);
  ticket.state = Ticket::State::kWaiting;
  deadlines_.push_back(ticket.by_deadline);
  lane.queue.push(ticket);
}

void Scheduler::dequeue(LaneState& lane, Ticket& ticket) {
  lane.queue.remove(ticket);
  after_wait(lane, ticket);
}

void Scheduler::after_wait(LaneState& lane, Ticket& ticket) {
  ticket.by_deadline.unlink();
  if (lane.queue.empty()) lane.passed_over = 0;
}

void Scheduler::begin(Ticket& ticket) {
  LaneState& lane = lane_of(ticket);
  const Duration waited = now_ - ticket.submitted;
  ++lane.stats.started;
  lane.stats.waited_sum += waited;
  lane.stats.waited_max = std::max(lane.stats.waited_max, waited);
  ++lane.running;
  ticket.state = Ticket::State::kRunning;
}

void Scheduler::refuse(Ticket& ticket, Errc why) {
  LaneStats& stats = lane_of(ticket).stats;
  ++(why == Errc::kQueueFull ? stats.refused_full : stats.refused_timeout);
  ticket.refusal = why;
  ticket.state = Ticket::State::kRefused;
}

// Not if it only turned the two about: the queue would churn and be no fairer.
Ticket* Scheduler::displace(LaneState& lane, std::uint64_t client) {
  if (lane.queue.longest() < lane.queue.length_of(client) + 2) return nullptr;
  Ticket& ticket = lane.queue.newest_of_longest();
  if (ticket.again) return nullptr;
  dequeue(lane, ticket);
  refuse(ticket, Errc::kQueueFull);
  return &ticket;
}

// ---- Who may start

void Scheduler::advance(TimePoint now) { now_ = std::max(now_, now); }

bool Scheduler::has_place(std::size_t lane) const {
  const std::uint32_t limit = std::min(limits_.running ? limits_.running : kNoLimit, capacity_);
  std::uint32_t held = 0;  // by lane l and those below it
  for (std::size_t l = kLanes; l-- > 0;) {
    held += lanes_[l].running;
    const std::uint32_t part = l == 0 ? limit : std::max(1u, limit >> l);
    if (l <= lane && held >= part) return false;
  }
  return true;
}

// The lane that is next, if one waits that may start.
std::optional<std::size_t> Scheduler::pick() const {
  std::optional<std::size_t> highest;
  for (std::size_t l = 0; l < kLanes; ++l) {
    if (lanes_[l].queue.empty() || !has_place(l)) continue;
    if (lanes_[l].passed_over >= kPassedOverMax) return l;
    if (!highest) highest = l;
  }
  return highest;
}

// ---- Numbers

Seconds Scheduler::retry_after(TimePoint now) const {
  const TimePoint latest = std::max(now_, now);
  Duration wait{0};
  if (const std::uint32_t n = clients().queue.size(); n > 0) {
    const Duration interval = pace_.interval(latest);
    wait = interval >= kRetryAfterMax / Duration::rep{n} ? kRetryAfterMax : interval * n;
  }
  return std::clamp(std::chrono::ceil<Seconds>(wait), Seconds{1}, kRetryAfterMax);
}

std::uint32_t Scheduler::running() const {
  std::uint32_t n = 0;
  for (const LaneState& lane : lanes_) n += lane.running;
  return n;
}

std::uint32_t Scheduler::waiting() const {
  std::uint32_t n = 0;
  for (const LaneState& lane : lanes_) n += lane.queue.size();
  return n;
}

LaneStats Scheduler::stats(Lane lane) const {
  const LaneState& state = lanes_[static_cast<std::size_t>(lane)];
  LaneStats stats = state.stats;
  stats.running = state.running;
  stats.waiting = state.queue.size();
  return stats;
}

}  // namespace weir::sched
