#pragma once
// Purger: carries out purges on a Loop, a step at a time, so that no client waits long for any of
// them. A purge that was begun is finished, whoever asked for it. Who asked is told when what is on
// disk will not come back after a restart, either, and a Weir beside this one has heard of it.
// Loop's thread only.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "cache/purge.h"
#include "net/loop.h"
#include "proxy/purge_gate.h"
#include "proxy/stats.h"

namespace weir::proxy {

class Purger {
 public:
  class Listener {
   public:
    virtual void on_purged(std::size_t objects) = 0;  // then it is forgotten

   protected:
    ~Listener() = default;
  };

  Purger(net::Loop& loop, cache::Index& index, PurgeGate& gate, PurgeStats& stats)
      : loop_(loop), index_(index), gate_(gate), stats_(stats) {}
  ~Purger();  // those under way end as far as they have come

  enum class Begun : std::uint8_t {
    kDone,      // `objects` says how many
    kUnderWay,  // the listener will be told, unless it forgets
    kTooMany,   // bans; nothing was done
  };
  // The first step is done at once. `listener` may be null; it calls forget() before it dies.
  Begun start(cache::PurgeOrder order, PurgeKind kind, Listener* listener, std::size_t& objects);
  void forget(const Listener& listener);

 private:
  struct Job final : Task {
    Job(Purger& p, PurgeGate::Ticket ticket, cache::PurgeOrder order, PurgeKind kind, Listener* l);
    void run() noexcept override;
    bool over();

    Purger& purger;
    const PurgeGate::Ticket ticket;
    const PurgeKind kind;
    const cache::PurgeMode mode;
    cache::Purge purge;
    Listener* listener;
    bool begun = false;
    bool carried_out = false;
    std::uint64_t logged = 0;  // what the log must have written before the listener is told
  };
  void count(const Job& job);

  net::Loop& loop_;
  cache::Index& index_;
  PurgeGate& gate_;
  PurgeStats& stats_;
  std::vector<std::unique_ptr<Job>> jobs_;  // under way
};

}  // namespace weir::proxy
