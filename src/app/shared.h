#pragma once
// Shared: what all workers use together. Made before them, destroyed after them.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/line_log.h"
#include "app/lookout.h"
#include "app/recorder.h"
#include "app/reload_desk.h"
#include "app/settings.h"
#include "app/setup.h"
#include "app/worker_stats.h"
#include "base/mutex.h"
#include "cache/index.h"
#include "front/connections.h"
#include "net/kernel_tls.h"
#include "proxy/purge_gate.h"
#include "store/memory_store.h"
#include "store/transit.h"

namespace weir::app {

class ErrorLog;

struct Shared {
  // `first`: the Setup that Weir starts with; the storage of it is for good.
  Shared(std::shared_ptr<const Setup> first, std::uint32_t worker_count)
      : workers(worker_count),
        storage(first->config().storage),
        connections(first->front.max_connections_per_client),
        recorder(record_plan(first->config().delivery), first->front.delivery),
        store(store_settings(storage), [this](const Digest& id) { index.emptied(id); }),
        transit(store, open_spool(storage), storage.transit_window),
        started(std::chrono::steady_clock::now()),
        started_wall(std::chrono::floor<Seconds>(std::chrono::system_clock::now())),
        posts(worker_count),
        setup_(std::move(first)) {
    for (std::uint32_t i = 0; i < workers; ++i) stats.push_back(std::make_unique<WorkerStats>());
  }

  // Once, before the workers, as the user that will write: reads what is on disk. Returns what
  // keeps Weir from starting; empty: nothing.
  std::string open_shelf() {
    disks = open_disks(storage);
    if (!disks) return {};
    if (disks->unsafe()) {
      return "no disk of [[storage.disk]] can be used, and what is purged now would be back on "
             "them "
             "later: " +
             store::why_unusable(*disks->unsafe()) +
             "; mend them, or take them out of the conf and empty them";
    }
    purges = open_purge_log(*disks, storage, started_wall);
    shelf = std::make_unique<cache::Shelf>(*disks, *purges, store, shelf_settings(storage));
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

  // The one in force; any thread. A worker has it a little later: see Worker::change.
  std::shared_ptr<const Setup> setup() const EXCLUDES_LOCK(setup_mutex_) {
    const Lock lock(setup_mutex_);
    return setup_;
  }
  void set_setup(std::shared_ptr<const Setup> next) EXCLUDES_LOCK(setup_mutex_) {
    const Lock lock(setup_mutex_);
    setup_.swap(next);
  }

  const std::uint32_t workers;
  const Storage storage;
  front::Connections connections;
  const ErrorLog* error_log = nullptr;
  Recorder recorder;
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
  ReloadDesk reloads;
  proxy::PurgeGate purge_gate;
  std::atomic<int> admin_socket{-1};  // where the first worker listens for questions; -1: nowhere
  std::vector<LookoutPost> posts;     // one for each worker
  std::vector<std::unique_ptr<WorkerStats>> stats;  // each its worker's
  std::atomic<bool> draining{false};

 private:
  mutable Mutex setup_mutex_;  // leaf
  std::shared_ptr<const Setup> setup_ GUARDED_BY(setup_mutex_);
};

}  // namespace weir::app
