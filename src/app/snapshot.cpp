#include "app/snapshot.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "app/shared.h"

namespace weir::app {
namespace {

Duration cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return Duration(std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec));
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// The second number of /proc/self/statm, in pages.
std::uint64_t resident_bytes() {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::array<Snapshot::Load, sched::kLanes> lanes_of(proxy::Gate& gate) {
  std::array<Snapshot::Load, sched::kLanes> out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const sched::LaneStats lane = gate.stats(static_cast<sched::Lane>(i));
    out[i] = {lane.running, lane.waiting};
  }
  return out;
}

Snapshot::Origin origin_of(const origin::Servers& servers, proxy::Gate& gate, TimePoint now) {
  Snapshot::Origin out{
      .name = servers.settings.name, .lanes = lanes_of(gate), .connections = servers.limit.open()};
  for (std::size_t i = 0; i < servers.balancer.size(); ++i) {
    const origin::Balancer::View view = servers.balancer.view(i);
    const bool ejected = view.state == sched::Breaker::State::kOpen;
    out.servers.push_back(
        {servers.settings.servers[i].name, view,
         ejected ? std::max(view.next_try - now, Duration::zero()) : Duration::zero()});
  }
  return out;
}

Snapshot::Worker worker_of(WorkerStats& stats, TimePoint now, bool scrape) {
  Snapshot::Worker out;
  Count& longest = stats.loop.longest_ns;
  out.longest_lag = Duration(static_cast<Duration::rep>(scrape ? longest.take() : longest.get()));
  const TimePoint seen{Duration(static_cast<Duration::rep>(stats.seen.get()))};
  if (seen != TimePoint{}) out.silent = std::max(now - seen, Duration::zero());
  out.lag = &stats.loop.late;
  out.rounds = stats.loop.rounds.get();
  out.late = Duration(static_cast<Duration::rep>(stats.lag_ns.get()));
  out.cpu = Duration(static_cast<Duration::rep>(stats.cpu_ns.get()));
  for (const Count& phase : stats.front.open) out.connections += phase.get();
  for (std::size_t i = 0; i < proxy::kHows; ++i) {
    out.requests += stats.proxy.requests.total(static_cast<proxy::How>(i));
  }
  for (const WorkerStats::Queue& q : stats.queues) {
    out.queues.push_back({q.waiting.get(), q.most.get(), q.backlog.get()});
  }
  return out;
}

std::vector<Snapshot::Certificate> certificates_of(const Shared& shared) {
  std::vector<Snapshot::Certificate> out;
  for (std::size_t i = 0; i < shared.listens.size(); ++i) {
    if (!shared.listens[i].tls) continue;
    const auto server = shared.listens[i].tls->get();
    for (const auto& [file, until] : server->expiries())
      out.push_back({shared.addresses[i], file, until});
  }
  return out;
}

}  // namespace

std::unique_ptr<const Snapshot> take_snapshot(Shared& shared, TimePoint now, bool scrape) {
  auto out = std::make_unique<Snapshot>(shared.gates.size(), shared.listens.size());
  out->version = WEIR_VERSION;
  out->kernel_tls = shared.kernel_tls;
  out->pid = ::getpid();
  out->started = shared.started_wall;
  out->uptime = now - shared.started;
  out->draining = shared.draining.load(std::memory_order_relaxed);
  out->cpu = cpu_time();
  out->resident_bytes = resident_bytes();
  out->connections = shared.connections.open();
  out->connections_max = shared.config.server.max_connections;
  out->listens = shared.addresses;
  out->certificates = certificates_of(shared);
  for (std::size_t i = 0; i < shared.gates.size(); ++i) {
    out->origins.push_back(origin_of(*shared.origins[i], *shared.gates[i], now));
  }
  for (const auto& stats : shared.stats) {
    out->sum.merge(*stats);
    out->workers.push_back(worker_of(*stats, now, scrape));
  }
  out->store = shared.store.stats();
  out->spool = shared.transit.spool_stats();
  if (shared.disks) out->disks = shared.disks->stats();
  out->cache_keys = shared.index.keys();
  out->bans = shared.index.bans();
  out->tags = shared.index.tags();
  out->drops = net::read_listen_drops().value_or(net::ListenDrops{});
  if (const LineLog* log = shared.access_log.get()) {
    out->log_written = log->written();
    out->log_dropped = log->dropped();
  }
  return out;
}

}  // namespace weir::app
