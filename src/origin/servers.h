#pragma once
// Servers: what all workers share of one origin. Made before them, destroyed after them.

#include <utility>

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
};

}  // namespace weir::origin
