#pragma once
// PurgeGate: what is purged here must be purged with the Weir that takes over from this one, and
// with the one that this one took over from, as long as both run. What is noted here others tell
// (app/purge_relay.h); who asked for a purge gets an answer when the peer has heard of it. Any
// thread; the lock is a leaf but for Executor::post.
//
// Of each peer:
//   kNone --note()--> kNoting, nobody waits: it does not serve yet --hear()--> kHearing
//     ^                 |                                                         |
//     \---gone()--------/---------------------------------------------------------/

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "cache/purge.h"

namespace weir::proxy {

class PurgeGate {
 public:
  static constexpr std::size_t kNotedMost = 100'000;  // of a peer, at a time
  enum class Peer : std::uint8_t { kBefore, kAfter };
  enum class State : std::uint8_t { kNone, kNoting, kHearing };

  // Of a purge that is under way.
  struct Ticket {
    std::array<std::uint64_t, 2> heard = {};  // of each peer, before it may be answered
    std::uint64_t epoch = 0;                  // handovers that had begun before it
  };

  // A purge begins; `from`: the peer that told of it. leave() is owed when it is carried out.
  Ticket enter(const cache::PurgeOrder& order, std::optional<Peer> from = {}) EXCLUDES_LOCK(mutex_);
  void leave(const Ticket& ticket) EXCLUDES_LOCK(mutex_);
  // True: every peer has heard of it. Else the task is posted when they have, or are gone.
  bool await(const Ticket& ticket, Executor& executor, Task& task) EXCLUDES_LOCK(mutex_);
  void forget(const Task& task) EXCLUDES_LOCK(mutex_);

  State state(Peer peer) const EXCLUDES_LOCK(mutex_);
  void note(Peer peer) EXCLUDES_LOCK(mutex_);
  // No purge of before the last note(kAfter) is under way.
  bool quiet() const EXCLUDES_LOCK(mutex_);
  // What was noted. Nothing: it was too much, and the peer is still kNoting.
  std::optional<std::vector<cache::PurgeOrder>> hear(Peer peer) EXCLUDES_LOCK(mutex_);
  void gone(Peer peer) EXCLUDES_LOCK(mutex_);

  // What is to be told now, and what the peer will have heard then. Nothing: it was too much.
  struct News {
    std::vector<cache::PurgeOrder> orders;
    std::uint64_t until = 0;
  };
  std::optional<News> take(Peer peer) EXCLUDES_LOCK(mutex_);
  void heard(Peer peer, std::uint64_t until) EXCLUDES_LOCK(mutex_);

 private:
  struct Line {
    State state = State::kNone;
    std::vector<cache::PurgeOrder> news;
    bool too_much = false;
    std::uint64_t noted = 0;  // ever
    std::uint64_t heard = 0;
  };
  struct Waiting {
    Ticket ticket;
    Executor* executor;
    Task* task;
  };
  Line& line(Peer peer) REQUIRES_LOCK(mutex_) { return lines_[static_cast<std::size_t>(peer)]; }
  bool all_heard(const Ticket& ticket) const REQUIRES_LOCK(mutex_);
  void post_heard() REQUIRES_LOCK(mutex_);

  mutable Mutex mutex_;
  std::array<Line, 2> lines_ GUARDED_BY(mutex_);
  std::uint64_t epoch_ GUARDED_BY(mutex_) = 0;
  std::size_t under_way_ GUARDED_BY(mutex_) = 0;
  std::size_t late_ GUARDED_BY(mutex_) = 0;  // of these, begun in this epoch
  std::vector<Waiting> waiting_ GUARDED_BY(mutex_);
};

}  // namespace weir::proxy
