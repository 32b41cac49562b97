#pragma once
// Pool: the idle connections to one origin that one worker keeps for reuse, and the choice of the
// server for a new one. Loop's thread only.

#include <memory>
#include <optional>

#include "base/list.h"
#include "net/conn.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "origin/settings.h"

namespace weir::origin {

struct PoolStats {
  std::uint64_t connected = 0;  // new connections
  std::uint64_t reused = 0;
  std::uint64_t idle_closed = 0;  // ended by the origin or by idle_timeout while idle
  std::uint64_t received = 0;     // bytes of response bodies, as framed by the origin
};

class Pool {
 public:
  // `settings` must outlive the pool.
  Pool(net::Loop& loop, net::Resolver& resolver, const Settings& settings);
  ~Pool();

  // An idle connection, the one used last first; null when there is none.
  std::unique_ptr<net::Conn> take(net::Conn::Owner& owner);
  // A new connection to the next server in turn.
  std::unique_ptr<net::Connector> connect(net::Connector::Owner& owner);
  // `conn` carried a whole response and nothing behind it: keep it for reuse.
  void give(std::unique_ptr<net::Conn> conn);

  const Settings& settings() const { return settings_; }
  net::Loop& loop() const { return loop_; }
  const PoolStats& stats() const { return stats_; }
  std::size_t idle() const { return idle_count_; }
  void count_received(std::size_t bytes) { stats_.received += bytes; }

 private:
  class Idle;
  static bool quiet(net::Conn& conn);

  net::Loop& loop_;
  net::Resolver& resolver_;
  const Settings& settings_;
  List<Idle> idle_;  // the one used last in front
  std::size_t idle_count_ = 0;
  std::size_t next_server_ = 0;
  PoolStats stats_;
};

}  // namespace weir::origin
