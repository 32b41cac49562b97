#pragma once
// Pool: the idle connections to the servers of one origin that one worker keeps for reuse, and the
// way to new ones. Loop's thread only.

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "base/executor.h"
#include "base/list.h"
#include "net/conn.h"
#include "net/resolver.h"
#include "origin/dial.h"
#include "origin/servers.h"

namespace weir::origin {

struct PoolStats {
  std::uint64_t connected = 0;  // new connections
  std::uint64_t reused = 0;
  std::uint64_t idle_closed = 0;  // ended while idle: by the origin, idle_timeout, or for a place
  std::uint64_t received = 0;     // bytes of response bodies, as framed by the origin
};

// A connection to a server, and its place under the limit: closed first, then free.
struct Connection {
  ConnectionLimit::Place place;
  std::unique_ptr<net::Conn> conn;
  std::uint64_t requests = 0;  // sent on it so far

  std::size_t server() const { return place.server(); }
};

class Pool final : private body::Waiter, private Task {
 public:
  // `servers` must outlive the pool.
  Pool(net::Loop& loop, net::Resolver& resolver, Servers& servers);
  ~Pool();

  // An idle connection to that server, the one used last first; nothing when there is none.
  std::optional<Connection> take(std::size_t server, net::Conn::Owner& owner);
  // A new one. Its Place must be had already. `introduction`: of the client whom it is for, where
  // the origin wants to hear of it.
  std::unique_ptr<Dial> connect(std::size_t server, std::string_view introduction,
                                Dial::Owner& owner);
  // It carried a whole response and nothing behind it: keep it for reuse, or close it when nobody
  // may use it again or somebody waits for its place.
  void give(Connection connection);

  Servers& servers() const { return servers_; }
  const Settings& settings() const { return servers_.settings; }
  net::Loop& loop() const { return loop_; }
  const PoolStats& stats() const { return stats_; }
  std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }
  std::size_t idle() const { return idle_count_; }
  void count_received(std::size_t bytes) { stats_.received += bytes; }

 private:
  class Idle;
  static bool quiet(net::Conn& conn);
  void wake() noexcept override { loop_.post(*this); }  // somebody waits for a place
  void run() noexcept override;
  void drop(Idle& idle);
  Idle* oldest() const;

  net::Loop& loop_;
  net::Resolver& resolver_;
  Servers& servers_;
  std::vector<List<Idle>> idle_;  // by server; the one used last in front
  std::size_t idle_count_ = 0;
  ConnectionLimit::Keeper keeper_;
  std::mt19937 random_;
  PoolStats stats_;
};

}  // namespace weir::origin
