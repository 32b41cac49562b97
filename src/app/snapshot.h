#pragma once
// Snapshot: the numbers of the whole process at one moment, added up over its workers: what the
// pages of the admin address print.

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/recorder.h"
#include "app/reload_desk.h"
#include "app/worker_stats.h"
#include "base/log_level.h"
#include "net/kernel_tls.h"
#include "net/listen_drops.h"
#include "origin/balancer.h"
#include "sched/ticket.h"
#include "store/disk_store.h"
#include "store/spool.h"
#include "store/store.h"

namespace weir::app {

struct Shared;

inline constexpr std::string_view kLaneNames[] = {"client", "revalidation", "prefetch"};
static_assert(std::size(kLaneNames) == sched::kLanes);

struct Snapshot {
  struct Load {
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
  };
  struct Server {
    std::string name;  // host:port
    origin::Balancer::View view;
    Duration retry_in{0};  // while it is ejected
    bool up() const { return view.healthy && view.state == sched::Breaker::State::kClosed; }
  };
  struct Origin {
    std::string name;
    std::array<Load, sched::kLanes> lanes;
    std::vector<Server> servers{};
    std::uint64_t connections = 0;  // idle ones included
    WorkerStats::Origin stats{};
  };
  struct Queue {
    std::uint64_t waiting = 0;
    std::uint64_t most = 0;
    std::uint64_t backlog = 0;
  };
  struct Certificate {
    std::string listen;  // address
    std::string file;
    WallTime until{};
  };
  struct Worker {
    Duration longest_lag{0};  // since the last scrape
    Duration silent{0};       // since it last published
    Duration late{0};         // lately
    Duration cpu{0};          // of its thread
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;
    const Durations* lag = nullptr;
    std::uint64_t rounds = 0;
    std::vector<Queue> queues;  // one a listener
  };

  std::string version;
  int pid = 0;
  WallTime started{};
  Duration uptime{0};
  bool draining = false;
  Duration cpu{0};
  std::uint64_t resident_bytes = 0;

  std::uint64_t connections = 0;      // open
  std::uint64_t connections_max = 0;  // 0: no limit
  WorkerStats sum;
  std::deque<Origin> origins;
  std::vector<std::string> listens;  // their addresses
  std::vector<Certificate> certificates;
  std::vector<Worker> workers;
  store::StoreStats store;
  store::SpoolStats spool;
  store::DiskStats disks;
  std::uint64_t cache_keys = 0;
  std::uint64_t bans = 0;
  std::uint64_t tags = 0;
  net::ListenDrops drops;
  net::KernelTls kernel_tls;
  std::uint64_t log_written = 0;
  std::uint64_t log_dropped = 0;
  Recorder::Status recording;
  ReloadCounts reloads;
  std::uint64_t error_log_written = 0;
  std::uint64_t error_log_dropped = 0;
  LogLevel log_level = LogLevel::kInfo;  // of the error log
};

// Any thread; a few system calls. `scrape`: the longest lags begin anew.
std::unique_ptr<const Snapshot> take_snapshot(Shared& shared, TimePoint now, bool scrape);

}  // namespace weir::app
