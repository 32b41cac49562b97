#include "proxy/purge_gate.h"

#include <utility>

namespace weir::proxy {

PurgeGate::Ticket PurgeGate::enter(const cache::PurgeOrder& order, std::optional<Peer> from) {
  const Lock lock(mutex_);
  Ticket ticket;
  ticket.epoch = epoch_;
  ++under_way_;
  ++late_;
  for (const Peer peer : {Peer::kBefore, Peer::kAfter}) {
    Line& its = line(peer);
    if (its.state == State::kNone || from == peer) continue;
    its.too_much |= its.news.size() >= kNotedMost;
    if (!its.too_much) its.news.push_back(order);
    ++its.noted;
    if (its.state == State::kHearing) ticket.heard[static_cast<std::size_t>(peer)] = its.noted;
  }
  return ticket;
}

void PurgeGate::leave(const Ticket& ticket) {
  const Lock lock(mutex_);
  --under_way_;
  if (ticket.epoch == epoch_) --late_;
}

bool PurgeGate::await(const Ticket& ticket, Executor& executor, Task& task) {
  const Lock lock(mutex_);
  if (all_heard(ticket)) return true;
  waiting_.push_back({ticket, &executor, &task});
  return false;
}

void PurgeGate::forget(const Task& task) {
  const Lock lock(mutex_);
  std::erase_if(waiting_, [&](const Waiting& w) { return w.task == &task; });
}

PurgeGate::State PurgeGate::state(Peer peer) const {
  const Lock lock(mutex_);
  return lines_[static_cast<std::size_t>(peer)].state;
}

void PurgeGate::note(Peer peer) {
  const Lock lock(mutex_);
  line(peer).state = State::kNoting;
  if (peer == Peer::kBefore) return;
  ++epoch_;
  late_ = 0;
}

bool PurgeGate::quiet() const {
  const Lock lock(mutex_);
  return under_way_ == late_;
}

std::optional<std::vector<cache::PurgeOrder>> PurgeGate::hear(Peer peer) {
  const Lock lock(mutex_);
  Line& its = line(peer);
  if (its.too_much) return {};
  its.state = State::kHearing;
  return std::exchange(its.news, {});
}

void PurgeGate::gone(Peer peer) {
  const Lock lock(mutex_);
  Line& its = line(peer);
  its.state = State::kNone;
  its.news.clear();
  its.too_much = false;
  post_heard();
}

std::optional<PurgeGate::News> PurgeGate::take(Peer peer) {
  const Lock lock(mutex_);
  Line& its = line(peer);
  if (its.too_much) return {};
  return News{std::exchange(its.news, {}), its.noted};
}

void PurgeGate::heard(Peer peer, std::uint64_t until) {
  const Lock lock(mutex_);
  line(peer).heard = until;
  post_heard();
}

bool PurgeGate::all_heard(const Ticket& ticket) const {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].state == State::kHearing && lines_[i].heard < ticket.heard[i]) return false;
  }
  return true;
}

// Posted under the lock, so that nobody forgets between.
void PurgeGate::post_heard() {
  std::erase_if(waiting_, [this](const Waiting& w) REQUIRES_LOCK(mutex_) {
    if (!all_heard(w.ticket)) return false;
    w.executor->post(*w.task);
    return true;
  });
}

}  // namespace weir::proxy
