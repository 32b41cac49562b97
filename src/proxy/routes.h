#pragma once
// Routes: where requests go: the sites of the conf and, as one worker sees them, its origins.
// Unchanging. A reload makes other ones; what began under the old ends under it, and keeps it until
// then. Made and let go on the worker's thread.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ref.h"
#include "origin/pool.h"
#include "proxy/fill_policy.h"
#include "proxy/gate.h"
#include "proxy/retry.h"
#include "proxy/site.h"
#include "proxy/stats.h"
#include "proxy/tunnel_limit.h"

namespace weir::proxy {

// One origin as a worker sees it: its own idle connections, the gate of all workers.
struct Origin {
  std::shared_ptr<void> keeper;  // of what the pointers below lead to; may be null
  std::string name;
  Gate* gate = nullptr;
  std::unique_ptr<origin::Pool> pool;
  Duration window_shut_max = std::chrono::seconds(20);
  std::uint32_t resume_attempts = 5;
  FillRules fill;
  RetryRules retry;
  FetchStats* stats = nullptr;     // of this worker; never null
  TunnelLimit* tunnels = nullptr;  // of all workers; never null
};

struct Routes : RefCounted<Routes> {
  Routes(std::shared_ptr<const SiteTable> s, std::vector<std::shared_ptr<Origin>> o)
      : sites(std::move(s)), origins(std::move(o)) {}

  Origin& origin_of(const Site& site) const { return *origins[site.origin]; }

  const std::shared_ptr<const SiteTable> sites;
  // By number, see Site. One that a reload did not change is in the next Routes, too.
  const std::vector<std::shared_ptr<Origin>> origins;
};

}  // namespace weir::proxy
