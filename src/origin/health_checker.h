#pragma once
// HealthChecker: asks each server of an origin for a path, again and again, and tells the Balancer
// which of them are up. One for each origin, on one Loop, whose thread alone may use it. Its
// connections are its own: they live for one check and do not count under the origin's limits, so
// that a busy server is not taken for a dead one.

#include <memory>
#include <vector>

#include "net/loop.h"
#include "net/resolver.h"
#include "origin/servers.h"

namespace weir::origin {

class HealthChecker {
 public:
  // REQUIRES: health.path is not empty. The first checks begin at once. All must outlive it.
  HealthChecker(net::Loop& loop, net::Resolver& resolver, Servers& servers);
  ~HealthChecker();

 private:
  class Check;
  std::vector<std::unique_ptr<Check>> checks_;  // one for each server
};

}  // namespace weir::origin
