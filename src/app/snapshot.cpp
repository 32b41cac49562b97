#include "app/snapshot.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "app/error_log.h"
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

void tell_of(SharedOrigin& origin, TimePoint now, Snapshot::Origin& out) {
  const origin::Servers& servers = origin.servers;
  out.name = origin.conf.name;
  out.lanes = lanes_of(origin.gate);
  out.connections = servers.limit.open();
  for (const WorkerStats::Origin& of_worker : *origin.stats) out.stats.merge(of_worker);
  for (std::size_t i = 0; i < servers.balancer.size(); ++i) {
    const origin::Balancer::View view = servers.balancer.view(i);
    const bool ejected = view.state == sched::Breaker::State::kOpen;
    out.servers.push_back(
        {servers.settings.servers[i].name, view,
         ejected ? std::max(view.next_try - now, Duration::zero()) : Duration::zero()});
  }
}

Snapshot::Worker worker_of(WorkerStats& stats, const Setup& setup, std::size_t number,
                           TimePoint now, bool scrape) {
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
  for (const SharedListen& listen : setup.listens) {
    const WorkerStats::Queue& q = (*listen.queues)[number];
    out.queues.push_back({q.waiting.get(), q.most.get(), q.backlog.get()});
  }
  return out;
}

std::vector<Snapshot::Certificate> certificates_of(const Setup& setup) {
  std::vector<Snapshot::Certificate> out;
  for (const SharedListen& listen : setup.listens) {
    if (!listen.settings->tls) continue;
    const auto server = listen.settings->tls->get();
    for (const auto& [file, until] : server->expiries())
      out.push_back({listen.address, file, until});
  }
  return out;
}

}  // namespace

std::unique_ptr<const Snapshot> take_snapshot(Shared& shared, TimePoint now, bool scrape) {
  auto out = std::make_unique<Snapshot>();
  const std::shared_ptr<const Setup> setup = shared.setup();
  out->version = WEIR_VERSION;
  out->kernel_tls = shared.kernel_tls;
  out->pid = ::getpid();
  out->started = shared.started_wall;
  out->uptime = now - shared.started;
  out->draining = shared.draining.load(std::memory_order_relaxed);
  out->cpu = cpu_time();
  out->resident_bytes = resident_bytes();
  out->connections = shared.connections.open();
  out->connections_max = setup->front.max_connections;
  for (const SharedListen& listen : setup->listens) out->listens.push_back(listen.address);
  out->certificates = certificates_of(*setup);
  for (const auto& origin : setup->origins) tell_of(*origin, now, out->origins.emplace_back());
  for (std::size_t i = 0; i < shared.stats.size(); ++i) {
    out->sum.merge(*shared.stats[i]);
    out->workers.push_back(worker_of(*shared.stats[i], *setup, i, now, scrape));
  }
  out->store = shared.store.stats();
  out->spool = shared.transit.spool_stats();
  if (shared.disks) out->disks = shared.disks->stats();
  out->cache_keys = shared.index.keys();
  out->bans = shared.index.bans();
  out->tags = shared.index.tags();
  out->drops = net::read_listen_drops().value_or(net::ListenDrops{});
  if (const LineLog* log = setup->access_log.get()) {
    out->log_written = log->written();
    out->log_dropped = log->dropped();
  }
  out->recording = shared.recorder.status();
  out->reloads = shared.reloads.counts();
  if (const ErrorLog* log = shared.error_log) {
    out->error_log_written = log->written();
    out->error_log_dropped = log->dropped();
  }
  out->log_level = log_level();
  return out;
}

}  // namespace weir::app
