#pragma once
// Setup: what one reading of the conf makes, for all workers. Unchanging once they have it: any
// thread may read it. A reload makes the next one, in which origins and listeners that the conf has
// as before are the same objects, with all that they know.

#include <memory>
#include <string>
#include <vector>

#include "app/access_log.h"
#include "app/config.h"
#include "app/worker_stats.h"
#include "front/settings.h"
#include "origin/servers.h"
#include "proxy/gate.h"
#include "proxy/site.h"
#include "proxy/tunnel_limit.h"

namespace weir::app {

// An origin, as all workers share it.
struct SharedOrigin {
  SharedOrigin(const OriginConf& origin, const HttpConf& http);

  const OriginConf conf;
  origin::Servers servers;
  proxy::Gate gate;
  proxy::TunnelLimit tunnels;
  // One for each worker. The next origin of the same name counts on.
  std::shared_ptr<std::vector<WorkerStats::Origin>> stats;
};

// A [[listen]].
struct SharedListen {
  Listen conf;
  std::string address;  // with its real port
  std::shared_ptr<const front::ListenSettings> settings;
  std::shared_ptr<std::vector<WorkerStats::Queue>> queues;  // one for each worker
};

struct Setup {
  const Config& config() const { return loaded.config; }

  LoadedConfig loaded;
  front::Settings front;
  std::vector<SharedListen> listens;  // as in the conf
  std::shared_ptr<const proxy::SiteTable> sites;
  std::vector<std::shared_ptr<SharedOrigin>> origins;  // as in the conf; sites name their numbers
  std::shared_ptr<LineLog> access_log;                 // null: off
  std::string page;                                    // GET /config
};

// All but the logs, the sockets of new listeners, and certificates. `before` may be null.
// `descriptors`: how many the process may have.
std::shared_ptr<Setup> make_setup(LoadedConfig loaded, std::uint32_t workers,
                                  std::uint64_t descriptors, const Setup* before);

}  // namespace weir::app
