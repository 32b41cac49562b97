#pragma once
// Shared: what all workers use together. Made before them, destroyed after them.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/access_log.h"
#include "app/config.h"
#include "app/lookout.h"
#include "app/settings.h"
#include "app/worker_stats.h"
#include "cache/index.h"
#include "front/frontend.h"
#include "net/kernel_tls.h"
#include "origin/servers.h"
#include "proxy/gate.h"
#include "proxy/site.h"
#include "proxy/tunnel_limit.h"
#include "store/memory_store.h"
#include "store/transit.h"

namespace weir::app {

struct Shared {
  Shared(const Config& conf, std::uint32_t worker_count)
      : config(conf),
        workers(worker_count),
        front(front_settings(conf)),
        listens(listen_settings(conf)),
        connections(front.max_connections_per_client),
        sites(app::sites(conf)),
        store(store_settings(conf.storage), [this](const Digest& id) { index.emptied(id); }),
        transit(store, open_spool(conf.storage), conf.storage.transit_window),
        started(std::chrono::steady_clock::now()),
        started_wall(std::chrono::floor<Seconds>(std::chrono::system_clock::now())),
        posts(worker_count) {
    for (const OriginConf& origin : conf.origins) {
      origins.push_back(std::make_unique<origin::Servers>(origin_settings(origin, conf.http)));
      gates.push_back(std::make_unique<proxy::Gate>(gate_limits(origin)));
      tunnels.push_back(std::make_unique<proxy::TunnelLimit>(tunnels_most(origin)));
    }
    for (std::uint32_t i = 0; i < workers; ++i) {
      stats.push_back(std::make_unique<WorkerStats>(origins.size(), listens.size()));
    }
  }

  // Once, before the workers, as the user that will write: reads what is on disk. Returns what
  // keeps Weir from starting; empty: nothing.
  std::string open_shelf() {
    disks = open_disks(config);
    if (!disks) return {};
    if (disks->unsafe()) {
      return "no disk of [[storage.disk]] can be used, and what is purged now would be back on "
             "them "
             "later: " +
             describe(*disks->unsafe()) +
             "; mend them, or take them out of the conf and empty them";
    }
    purges = open_purge_log(*disks, config.storage, started_wall);
    shelf = std::make_unique<cache::Shelf>(*disks, *purges, store, shelf_settings(config.storage));
    index.set_shelf(*shelf);
    disks->start();
    purges->start();
    return {};
  }
  // What waits to be written holds chunks of the store.
  ~Shared() {
    if (purges) purges->stop();
    if (disks) disks->stop();
  }

  const Config& config;
  const std::uint32_t workers;
  const front::Settings front;
  const std::vector<front::ListenSettings> listens;
  front::Connections connections;
  const proxy::SiteTable sites;
  std::vector<std::unique_ptr<origin::Servers>> origins;
  std::vector<std::unique_ptr<proxy::Gate>> gates;
  std::vector<std::unique_ptr<proxy::TunnelLimit>> tunnels;
  std::unique_ptr<LineLog> access_log;      // null: off
  std::unique_ptr<LineLog> sample_log;      // null: off
  std::unique_ptr<store::DiskStore> disks;  // null: there are none
  std::unique_ptr<cache::PurgeLog> purges;  // null: no disks
  store::MemoryStore store;
  store::Transit transit;
  std::unique_ptr<cache::Shelf> shelf;  // null: no disks
  cache::Index index;                   // after the store: its objects give their chunks back to it

  // For who looks on from outside.
  const net::KernelTls kernel_tls = net::find_kernel_tls();
  const TimePoint started;
  const WallTime started_wall;
  std::vector<std::string> addresses;               // of the [[listen]]s, with their real ports
  std::string config_page;                          // GET /config
  std::vector<LookoutPost> posts;                   // one for each worker
  std::vector<std::unique_ptr<WorkerStats>> stats;  // each its worker's
  std::atomic<bool> draining{false};
};

}  // namespace weir::app
