#include "app/status_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/date.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// Percentiles are upper bounds: those of the buckets.
Json times(const Durations& d) {
  const std::uint64_t n = d.count();
  return {{"count", n},
          {"mean_seconds", n == 0 ? 0.0 : seconds(d.sum()) / static_cast<double>(n)},
          {"p50_seconds", seconds(d.at_most(0.5))},
          {"p99_seconds", seconds(d.at_most(0.99))}};
}

// The errors that happened, by name.
Json errors(const std::array<Count, kErrcs>& counts) {
  Json out = Json::object();
  for (std::size_t i = 0; i < kErrcs; ++i) {
    if (const std::uint64_t n = counts[i].get()) out[info(static_cast<Errc>(i)).name] = n;
  }
  return out;
}

Json connections(const Snapshot& s) {
  const front::Stats& front = s.sum.front;
  Json phases = Json::object();
  for (std::size_t i = 0; i < delivery::kPhases; ++i) {
    phases[delivery::name(static_cast<delivery::Phase>(i))] = front.open[i].get();
  }
  Json closed = Json::object();
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const std::uint64_t n = front.closed[i].get();
    if (n > 0) closed[delivery::name(static_cast<delivery::CloseReason>(i))] = n;
  }
  return {{"open", s.connections},
          {"max", s.connections_max},
          {"accepted", front.accepted.get()},
          {"phases", phases},
          {"closed", closed}};
}

Json requests(const Snapshot& s) {
  using proxy::How;
  const proxy::RequestCounts& counts = s.sum.proxy.requests;
  Json out = Json::object();
  for (const How how : {How::kHit, How::kMiss, How::kJoin, How::kPass, How::kError, How::kOwn}) {
    out[proxy::name(how)] = counts.total(how);
  }
  Json reasons = Json::array();
  counts.each([&](How how, std::string_view reason, std::uint64_t n) {
    if (reason.empty() || n == 0) return;
    reasons.push_back({{"result", proxy::name(how)}, {"reason", reason}, {"count", n}});
  });
  out["reasons"] = reasons;
  out["refused"] = errors(s.sum.front.refused);
  return out;
}

Json responses(const Snapshot& s) {
  constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  Json out = Json::object();
  for (std::size_t i = 0; i < std::size(kClasses); ++i) {
    out[kClasses[i]] = s.sum.proxy.responses[i].get();
  }
  return out;
}

Json fetches(const proxy::FetchStats& stats) {
  using namespace proxy;
  Json out = Json::object();
  for (std::size_t k = 0; k < kFetchKinds; ++k) {
    Json& ends = out[name(static_cast<FetchKind>(k))];
    for (std::size_t e = 0; e < kFetchEnds; ++e) {
      ends[name(static_cast<FetchEnd>(e))] = stats.ended[k][e].get();
    }
  }
  out["failures"] = errors(stats.failed);
  out["resumes"] = stats.resumes.get();
  out["retries"] = stats.retries.get();
  out["parked"] = stats.parked.get();
  out["queue"] = times(stats.queued);
  return out;
}

Json loads(const Snapshot::Origin& origin, std::uint64_t Snapshot::Load::*what) {
  Json out = Json::object();
  for (std::size_t i = 0; i < origin.lanes.size(); ++i) out[kLaneNames[i]] = origin.lanes[i].*what;
  return out;
}

std::string_view state_of(const Snapshot::Server& server) {
  if (!server.view.healthy) return "unhealthy";
  switch (server.view.state) {
    case sched::Breaker::State::kClosed:
      return "up";
    case sched::Breaker::State::kOpen:
      return "ejected";
    case sched::Breaker::State::kHalfOpen:
      break;
  }
  return "trial";
}

Json servers(const Snapshot::Origin& origin) {
  Json out = Json::array();
  for (const Snapshot::Server& server : origin.servers) {
    Json row = {{"name", server.name},
                {"state", state_of(server)},
                {"outstanding", server.view.outstanding},
                {"requests", server.view.requests},
                {"failures", server.view.failures}};
    if (row["state"] == "ejected") row["retry_in_seconds"] = seconds(server.retry_in);
    out.push_back(std::move(row));
  }
  return out;
}

Json origins(const Snapshot& s) {
  Json out = Json::array();
  for (std::size_t i = 0; i < s.origins.size(); ++i) {
    const WorkerStats::Origin& stats = s.origins[i].stats;
    out.push_back({{"name", s.origins[i].name},
                   {"running", loads(s.origins[i], &Snapshot::Load::running)},
                   {"waiting", loads(s.origins[i], &Snapshot::Load::waiting)},
                   {"servers", servers(s.origins[i])},
                   {"connections",
                    {{"open", s.origins[i].connections},
                     {"idle", stats.idle.get()},
                     {"opened", stats.connected.get()},
                     {"reused", stats.reused.get()},
                     {"idle_closed", stats.idle_closed.get()}}},
                   {"received_bytes", stats.received_bytes.get()},
                   {"fetches", fetches(stats.fetches)}});
  }
  return out;
}

std::uint64_t received(const Snapshot& s) {
  std::uint64_t sum = 0;
  for (const Snapshot::Origin& origin : s.origins) sum += origin.stats.received_bytes.get();
  return sum;
}

Json listens(const Snapshot& s) {
  Json out = Json::array();
  for (std::size_t i = 0; i < s.listens.size(); ++i) {
    Json queues = Json::array();
    for (const Snapshot::Worker& worker : s.workers) {
      const Snapshot::Queue& queue = worker.queues[i];
      queues.push_back(
          {{"waiting", queue.waiting}, {"most", queue.most}, {"backlog", queue.backlog}});
    }
    out.push_back({{"address", s.listens[i]}, {"queues", queues}});
  }
  return out;
}

Json workers(const Snapshot& s) {
  Json out = Json::array();
  for (const Snapshot::Worker& worker : s.workers) {
    out.push_back({{"lag_max_seconds", seconds(worker.longest_lag)},
                   {"silent_seconds", seconds(worker.silent)},
                   {"lag_seconds", seconds(worker.late)},
                   {"cpu_seconds", seconds(worker.cpu)},
                   {"connections", worker.connections},
                   {"requests", worker.requests}});
  }
  return out;
}

Json store(const Snapshot& s) {
  return {{"limit_bytes", s.store.limit},
          {"used_bytes", s.store.used},
          {"chunks", s.store.chunks},
          {"keys", s.cache_keys},
          {"evicted_chunks", s.store.evicted_chunks},
          {"evicted_bytes", s.store.evicted_bytes},
          {"refused", s.store.refused},
          {"ghost_hits", s.store.ghost_hits},
          {"spool_limit_bytes", s.spool.limit},
          {"spool_used_bytes", s.spool.used},
          {"spool_refused", s.spool.refused}};
}

Json disks(const Snapshot& s) {
  Json each = Json::array();
  for (const store::DiskStats::One& disk : s.disks.disks) {
    each.push_back({{"path", disk.path},
                    {"in_use", disk.in_use},
                    {"size_bytes", disk.size},
                    {"used_bytes", disk.used},
                    {"regions", disk.regions},
                    {"reclaimed_regions", disk.reclaimed},
                    {"refused_regions", disk.refused},
                    {"written_bytes", disk.written},
                    {"forwarded_bytes", disk.forwarded}});
  }
  return {{"objects", s.disks.bodies},
          {"index_bytes", s.disks.index_bytes},
          {"dirty_bytes", s.disks.dirty},
          {"offered_bytes", s.disks.offered},
          {"unwritten_chunks", s.disks.unwritten_chunks},
          {"reads", s.disks.reads},
          {"read_bytes", s.disks.read_bytes},
          {"read_errors", s.disks.read_errors},
          {"damaged", s.disks.damaged},
          {"disks", each}};
}

}  // namespace

std::string status_page(const Snapshot& s) {
  const Json page = {{"version", s.version},
                     {"pid", s.pid},
                     {"state", s.draining ? "draining" : "serving"},
                     {"started", print_date(s.started)},
                     {"uptime_seconds", seconds(s.uptime)},
                     {"cpu_seconds", seconds(s.cpu)},
                     {"resident_bytes", s.resident_bytes},
                     {"connections", connections(s)},
                     {"requests", requests(s)},
                     {"responses", responses(s)},
                     {"bytes",
                      {{"sent", s.sum.front.sent_bytes.get()},
                       {"acknowledged", s.sum.front.acked_bytes.get()},
                       {"from_origins", received(s)}}},
                     {"times",
                      {{"first_byte", times(s.sum.proxy.first_byte)},
                       {"delivery", times(s.sum.proxy.delivery)},
                       {"standstill", times(s.sum.proxy.standstill)}}},
                     {"store", store(s)},
                     {"disks", disks(s)},
                     {"origins", origins(s)},
                     {"listen", listens(s)},
                     {"kernel_tls",
                      {{"kernel", s.kernel_tls.kernel ? "found" : "not found"},
                       {"openssl", s.kernel_tls.openssl ? "found" : "not found"},
                       {"used", false}}},
                     {"listen_overflows", s.drops.overflows},
                     {"listen_drops", s.drops.drops},
                     {"workers", workers(s)},
                     {"access_log", {{"written", s.log_written}, {"dropped", s.log_dropped}}},
                     {"recording",
                      {{"state", name(s.recording.state)},
                       {"bytes", s.recording.bytes},
                       {"max_bytes", s.recording.most},
                       {"sample", s.recording.every},
                       {"connections", s.recording.connections},
                       {"dropped_lines", s.recording.dropped_lines}}},
                     {"reloads",
                      {{"done", s.reloads.done},
                       {"failed", s.reloads.failed},
                       {"last_failed", s.reloads.last_failed},
                       {"after_restart", s.reloads.after_restart}}},
                     {"error_log",
                      {{"level", name(s.log_level)},
                       {"written", s.error_log_written},
                       {"dropped", s.error_log_dropped}}}};
  return page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::app
