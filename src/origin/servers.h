#pragma once
// Servers: what all workers share of one origin. Made before them, destroyed after them.

#include <atomic>
#include <utility>

#include "base/time.h"
#include "net/tls.h"
#include "origin/balancer.h"
#include "origin/connection_limit.h"
#include "origin/settings.h"

namespace weir::origin {

struct Servers {
  explicit Servers(Settings s)
      : settings(std::move(s)),
        balancer(settings),
        limit(settings.servers.size(), settings.server_max_connections, settings.max_connections) {}
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  const Settings settings;
  Balancer balancer;
  ConnectionLimit limit;
  net::TlsSlot<net::TlsClient> tls;  // filled before the first call, if a server wants TLS

  // Whether the log hears of a failed handshake: once a minute. Any thread.
  bool may_tell_of_tls(TimePoint now);

 private:
  std::atomic<TimePoint> told_of_tls_{TimePoint::min()};
};

}  // namespace weir::origin
