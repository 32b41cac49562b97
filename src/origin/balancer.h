#pragma once
// Balancer: which server of an origin a request goes to. One for each origin, shared by all
// workers; any thread. Pure but for its lock (a leaf but for Waiter::wake): times, hashes and
// random bits are arguments.
//
// A server is usable while its health checks pass and its breaker lets it be tried (passive
// ejection: failures in a row open it, a back-off with jitter follows, then one trial). Of the
// usable ones these are looked at, the first kind that there is: those that this fetch has not
// failed on, those that it failed on before, the one that it failed on last; backups last in each
// kind. Of them, one at its limit of connections is passed over while another has room. The rest is
// the algorithm's:
//   kRoundRobin        smooth weighted: weights 3 and 1 give a b a a, not a a a b
//   kLeastOutstanding  fewest requests under way for its weight; among equals round-robin
//   kHash              weighted rendezvous: each key ranks the servers, so a server that goes or
//                      comes moves only its own keys. Bounded load: one that has a quarter more
//                      than its share of what is under way is passed over for the next in rank.

#include <cstdint>
#include <expected>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "body/waiter.h"
#include "origin/settings.h"
#include "sched/breaker.h"

namespace weir::origin {

// The servers that one fetch has failed on.
class Tried {
 public:
  enum class How : std::uint8_t { kNot, kBefore, kLast };
  How how(std::size_t server) const;
  void add(std::size_t server);  // it is the last now
  void clear() { servers_.clear(); }
  std::size_t size() const { return servers_.size(); }

 private:
  std::vector<std::size_t> servers_;  // few, in order; empty as a rule
};

// What a request was given. Brought back once, to done().
struct Pick {
  std::size_t server = 0;
  std::uint32_t trial = 0;  // not 0: the trial of that number decides about the server
};

// Why there is no server.
struct NoServer {
  enum class Why : std::uint8_t { kEjected, kUnhealthy };
  Why why = Why::kEjected;  // kUnhealthy: the health checks of all of them fail
  // kEjected: when the next trial is due; max() while one runs, see watch().
  TimePoint retry_at = TimePoint::max();
};

// What a request tells of its server. kNone: nothing, its client went or the fault was ours.
enum class Verdict : std::uint8_t { kOk, kFailed, kNone };

// What a verdict did to the server.
enum class Change : std::uint8_t { kNone, kEjected, kReturned };

// What the usable servers may take together.
struct Capacity {
  static constexpr std::uint32_t kUnlimited = UINT32_MAX;
  std::uint32_t connections = kUnlimited;   // 0: no server is usable
  TimePoint changes_at = TimePoint::max();  // by itself: a trial comes due
};

class Balancer {
 public:
  explicit Balancer(const Settings& settings);

  // Counts the request as under way at the server until done(). `hash`: of the request's key.
  std::expected<Pick, NoServer> pick(TimePoint now, std::uint64_t hash, const Tried& tried)
      EXCLUDES_LOCK(mutex_);
  // The head of a good response came. Ends a trial at once, however long the body lasts.
  Change answered(const Pick& pick) EXCLUDES_LOCK(mutex_);
  // The request is over. Once for each pick. A server that is not in use is judged by its trial
  // alone: what began before says nothing new.
  Change done(const Pick& pick, Verdict verdict, TimePoint now, std::uint32_t random)
      EXCLUDES_LOCK(mutex_);
  // What its health checks say. At first all are healthy.
  void set_healthy(std::size_t server, bool healthy) EXCLUDES_LOCK(mutex_);

  Capacity capacity(TimePoint now) const EXCLUDES_LOCK(mutex_);
  // Woken when capacity() may have changed, other than by itself; null: nobody. Takes the place of
  // the last one.
  void watch(body::Waiter* watcher) EXCLUDES_LOCK(mutex_);

  struct View {
    bool healthy = true;
    sched::Breaker::State state = sched::Breaker::State::kClosed;
    TimePoint next_try{};  // while open
    std::uint32_t outstanding = 0;
    std::uint64_t requests = 0;  // all so far
    std::uint64_t failures = 0;
  };
  View view(std::size_t server) const EXCLUDES_LOCK(mutex_);
  std::size_t size() const { return settings_.servers.size(); }

 private:
  struct State {
    explicit State(const Settings& settings, const Server& server);
    std::uint64_t seed;  // of its rank for a key
    std::uint32_t weight;
    bool backup;
    bool healthy = true;
    sched::Breaker breaker;
    std::uint32_t trial = 0;  // number of the last one
    std::uint32_t outstanding = 0;
    std::int64_t turn = 0;  // of round-robin
    std::uint64_t requests = 0;
    std::uint64_t failures = 0;
  };
  bool usable(const State& s, TimePoint now) const REQUIRES_LOCK(mutex_);
  bool judges(const State& s, const Pick& pick) const REQUIRES_LOCK(mutex_);
  bool full(const State& s) const REQUIRES_LOCK(mutex_);
  bool gather(TimePoint now, const Tried& tried) REQUIRES_LOCK(mutex_);
  bool gather(TimePoint now, const Tried& tried, Tried::How how, bool backup) REQUIRES_LOCK(mutex_);
  std::size_t round_robin() REQUIRES_LOCK(mutex_);
  std::size_t least_outstanding() REQUIRES_LOCK(mutex_);
  std::size_t by_hash(std::uint64_t hash) REQUIRES_LOCK(mutex_);
  NoServer why_none() const REQUIRES_LOCK(mutex_);
  std::uint32_t places(const State& s) const REQUIRES_LOCK(mutex_);
  Change changed(sched::Breaker::State before, const State& s) REQUIRES_LOCK(mutex_);

  const Settings& settings_;
  mutable Mutex mutex_;
  std::vector<State> states_ GUARDED_BY(mutex_);
  std::vector<std::size_t> candidates_ GUARDED_BY(mutex_);  // of one pick; kept for its memory
  body::Waiter* watcher_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::origin
