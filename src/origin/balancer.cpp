#include "origin/balancer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/hash.h"

namespace weir::origin {
namespace {

using BreakerState = sched::Breaker::State;

// A server may have this much of its share of the requests under way: 5/4.
constexpr std::uint64_t kShareNumerator = 5;
constexpr std::uint64_t kShareDenominator = 4;

// The finalizer of SplitMix64: each bit of the argument moves each bit of the result.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Rank of a server for a key: the highest wins, and wins in proportion to the weights.
double rank(std::uint64_t hash, std::uint64_t seed, std::uint32_t weight) {
  const double unit = (static_cast<double>(mix(hash ^ seed) >> 11) + 0.5) * 0x1p-53;  // (0, 1)
  return static_cast<double>(weight) / -std::log(unit);
}

}  // namespace

Tried::How Tried::how(std::size_t server) const {
  if (servers_.empty()) return How::kNot;
  if (servers_.back() == server) return How::kLast;
  return std::ranges::find(servers_, server) == servers_.end() ? How::kNot : How::kBefore;
}

void Tried::add(std::size_t server) {
  std::erase(servers_, server);
  servers_.push_back(server);
}

Balancer::State::State(const Settings& settings, const Server& server)
    : seed(hash64(server.name)),
      weight(server.weight),
      backup(server.backup),
      breaker(settings.eject) {}

Balancer::Balancer(const Settings& settings) : settings_(settings) {
  WEIR_CHECK(!settings.servers.empty());
  Lock lock(mutex_);
  for (const Server& server : settings.servers) states_.emplace_back(settings, server);
  candidates_.reserve(states_.size());
}

std::expected<Pick, NoServer> Balancer::pick(TimePoint now, std::uint64_t hash,
                                             const Tried& tried) {
  Lock lock(mutex_);
  if (!gather(now, tried)) return std::unexpected(why_none());
  Pick pick;
  switch (settings_.balance) {
    case Balance::kRoundRobin:
      pick.server = round_robin();
      break;
    case Balance::kLeastOutstanding:
      pick.server = least_outstanding();
      break;
    case Balance::kHash:
      pick.server = by_hash(hash);
      break;
  }
  State& s = states_[pick.server];
  if (s.breaker.state() == BreakerState::kOpen) {
    s.breaker.begin(now);
    pick.trial = ++s.trial;
  }
  ++s.outstanding;
  ++s.requests;
  return pick;
}

Change Balancer::answered(const Pick& pick) {
  Lock lock(mutex_);
  State& s = states_[pick.server];
  if (s.breaker.state() != BreakerState::kHalfOpen || !judges(s, pick)) return Change::kNone;
  s.breaker.succeeded();
  return changed(BreakerState::kHalfOpen, s);
}

Change Balancer::done(const Pick& pick, Verdict verdict, TimePoint now, std::uint32_t random) {
  Lock lock(mutex_);
  State& s = states_[pick.server];
  WEIR_CHECK(s.outstanding > 0);
  --s.outstanding;
  if (verdict == Verdict::kFailed) ++s.failures;
  if (!judges(s, pick)) return Change::kNone;
  const BreakerState before = s.breaker.state();
  switch (verdict) {
    case Verdict::kOk:
      s.breaker.succeeded();
      break;
    case Verdict::kFailed:
      s.breaker.failed(now, random);
      break;
    case Verdict::kNone:
      s.breaker.given_up(now);
      break;
  }
  return changed(before, s);
}

void Balancer::set_healthy(std::size_t server, bool healthy) {
  Lock lock(mutex_);
  if (states_[server].healthy == healthy) return;
  states_[server].healthy = healthy;
  if (watcher_) watcher_->wake();
}

void Balancer::watch(body::Waiter* watcher) {
  Lock lock(mutex_);
  watcher_ = watcher;
}

Balancer::View Balancer::view(std::size_t server) const {
  Lock lock(mutex_);
  const State& s = states_[server];
  return {.healthy = s.healthy,
          .state = s.breaker.state(),
          .next_try = s.breaker.next_try(),
          .outstanding = s.outstanding,
          .requests = s.requests,
          .failures = s.failures};
}

// ---- who may be picked

bool Balancer::usable(const State& s, TimePoint now) const {
  return s.healthy && s.breaker.may_try(now);
}

// Whether the verdict of `pick` counts: in use all do, else only that of the trial under way.
bool Balancer::judges(const State& s, const Pick& pick) const {
  switch (s.breaker.state()) {
    case BreakerState::kClosed:
      return true;
    case BreakerState::kOpen:
      return false;
    case BreakerState::kHalfOpen:
      return pick.trial != 0 && pick.trial == s.trial;
  }
  return false;
}

bool Balancer::full(const State& s) const {
  return settings_.server_max_connections != 0 && s.outstanding >= settings_.server_max_connections;
}

bool Balancer::gather(TimePoint now, const Tried& tried) {
  using How = Tried::How;
  for (const How how : {How::kNot, How::kBefore, How::kLast}) {
    if (gather(now, tried, how, false) || gather(now, tried, how, true)) break;
  }
  const auto is_full = [this](std::size_t i) REQUIRES_LOCK(mutex_) { return full(states_[i]); };
  if (!std::ranges::all_of(candidates_, is_full)) std::erase_if(candidates_, is_full);
  return !candidates_.empty();
}

bool Balancer::gather(TimePoint now, const Tried& tried, Tried::How how, bool backup) {
  candidates_.clear();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const State& s = states_[i];
    if (s.backup == backup && usable(s, now) && tried.how(i) == how) candidates_.push_back(i);
  }
  return !candidates_.empty();
}

NoServer Balancer::why_none() const {
  NoServer none{.why = NoServer::Why::kUnhealthy};
  for (const State& s : states_) {
    if (!s.healthy) continue;
    none.why = NoServer::Why::kEjected;
    if (s.breaker.state() == BreakerState::kOpen)
      none.retry_at = std::min(none.retry_at, s.breaker.next_try());
  }
  return none;
}

// ---- the algorithms, over candidates_

std::size_t Balancer::round_robin() {
  std::int64_t all = 0;
  std::size_t best = candidates_.front();
  for (const std::size_t i : candidates_) {
    all += states_[i].weight;
    states_[i].turn += states_[i].weight;
    if (states_[i].turn > states_[best].turn) best = i;
  }
  states_[best].turn -= all;
  return best;
}

std::size_t Balancer::least_outstanding() {
  // a/v < b/w without division.
  const auto less = [this](std::size_t i, std::size_t k) REQUIRES_LOCK(mutex_) {
    const State& a = states_[i];
    const State& b = states_[k];
    return std::uint64_t{a.outstanding} * b.weight < std::uint64_t{b.outstanding} * a.weight;
  };
  const std::size_t least = *std::ranges::min_element(candidates_, less);
  std::erase_if(candidates_, [&](std::size_t i) REQUIRES_LOCK(mutex_) { return less(least, i); });
  return round_robin();
}

std::size_t Balancer::by_hash(std::uint64_t hash) {
  std::uint64_t all = 1;  // with this one
  std::uint64_t weights = 0;
  for (const std::size_t i : candidates_) {
    all += states_[i].outstanding;
    weights += states_[i].weight;
  }
  std::size_t best = candidates_.front();
  double highest = -1;
  for (const std::size_t i : candidates_) {
    const State& s = states_[i];
    // Below the share, rounded up: somebody always is.
    if (s.outstanding * weights * kShareDenominator >= all * s.weight * kShareNumerator) continue;
    const double mine = rank(hash, s.seed, s.weight);
    if (mine <= highest) continue;
    highest = mine;
    best = i;
  }
  return best;
}

// ---- capacity

std::uint32_t Balancer::places(const State& s) const {
  if (s.breaker.state() != BreakerState::kClosed) return 1;  // the trial
  return settings_.server_max_connections == 0 ? Capacity::kUnlimited
                                               : settings_.server_max_connections;
}

Capacity Balancer::capacity(TimePoint now) const {
  Lock lock(mutex_);
  Capacity out;
  std::uint64_t sum = 0;
  bool in_use = false;
  for (const bool backup : {false, true}) {
    if (backup && in_use) break;
    for (const State& s : states_) {
      if (s.backup != backup || !s.healthy) continue;
      const bool trying = s.breaker.state() == BreakerState::kHalfOpen;
      in_use |= s.breaker.state() == BreakerState::kClosed;
      if (trying || usable(s, now)) {
        sum += places(s);
      } else {
        out.changes_at = std::min(out.changes_at, s.breaker.next_try());
      }
    }
  }
  out.connections = static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, Capacity::kUnlimited));
  return out;
}

Change Balancer::changed(BreakerState before, const State& s) {
  const BreakerState state = s.breaker.state();
  if (state == before) return Change::kNone;
  if (watcher_) watcher_->wake();
  if (state == BreakerState::kClosed) return Change::kReturned;
  return before == BreakerState::kClosed ? Change::kEjected : Change::kNone;
}

}  // namespace weir::origin
