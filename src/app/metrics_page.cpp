#include "app/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/metrics.h"

namespace weir::app {
namespace {

constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

void add_requests(Exposition& out, const Snapshot& s) {
  using proxy::How;
  s.sum.proxy.requests.each([&](How how, std::string_view reason, std::uint64_t n) {
    const bool none = how == How::kUndecided;
    if (!none || n > 0) out.add(Metric::kRequests, {none ? "none" : name(how), reason}, n);
  });
  for (std::size_t i = 0; i < kErrcs; ++i) {
    const ErrorInfo& error = info(static_cast<Errc>(i));
    const std::uint64_t n = s.sum.front.refused[i].get();
    if (error.side != Side::kOrigin || n > 0) out.add(Metric::kRefused, {error.name}, n);
  }
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    out.add(Metric::kResponses, {kClasses[i]}, s.sum.proxy.responses[i].get());
  }
  for (const http::Coding coding : {http::Coding::kGzip, http::Coding::kBrotli}) {
    const proxy::CodingStats& stats = s.sum.proxy.codings[static_cast<std::size_t>(coding)];
    out.add(Metric::kCompressedResponses, {http::name(coding)}, stats.responses.get());
    out.add(Metric::kCompressedBodies, {http::name(coding)}, stats.made.get());
    out.add(Metric::kCompressedIn, {http::name(coding)}, stats.in.get());
    out.add(Metric::kCompressedOut, {http::name(coding)}, stats.out.get());
  }
  out.add(Metric::kFirstByte, {}, s.sum.proxy.first_byte);
  out.add(Metric::kDelivery, {}, s.sum.proxy.delivery);
  out.add(Metric::kStandstill, {}, s.sum.proxy.standstill);
}

void add_clients(Exposition& out, const Snapshot& s) {
  const front::Stats& front = s.sum.front;
  out.add(Metric::kSentBytes, {}, front.sent_bytes.get());
  out.add(Metric::kAckedBytes, {}, front.acked_bytes.get());
  out.add(Metric::kAccepted, {}, front.accepted.get());
  for (std::size_t i = 0; i < delivery::kPhases; ++i) {
    out.add(Metric::kConnections, {name(static_cast<delivery::Phase>(i))}, front.open[i].get());
  }
  out.add(Metric::kConnectionsMax, {}, s.connections_max);
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto reason = static_cast<delivery::CloseReason>(i);
    if (reason == delivery::CloseReason::kOpen) continue;  // of these none ends
    out.add(Metric::kClosed, {delivery::name(reason)}, front.closed[i].get());
  }
  for (const Snapshot::Certificate& c : s.certificates) {
    const auto until = std::max<WallTime::rep>(c.until.time_since_epoch().count(), 0);
    out.add(Metric::kCertificateExpires, {c.listen, c.file}, static_cast<std::uint64_t>(until));
  }
  for (std::size_t i = 0; i < front::kTlsVersions; ++i) {
    const std::string_view version = name(static_cast<front::TlsVersion>(i));
    out.add(Metric::kTlsHandshakes, {version, "full"}, front.handshakes[i][0].get());
    out.add(Metric::kTlsHandshakes, {version, "resumed"}, front.handshakes[i][1].get());
  }
  out.add(Metric::kHttp2, {}, front.http2.get());
  out.add(Metric::kStreams, {}, front.streams.get());
  for (std::size_t i = 0; i < front::kStreamResets; ++i) {
    const auto why = static_cast<front::StreamReset>(i);
    out.add(Metric::kStreamResets, {front::name(why)}, front.resets[i].get());
  }
}

void add_tunnels(Exposition& out, const Snapshot& s) {
  const proxy::TunnelStats& tunnels = s.sum.proxy.tunnels;
  out.add(Metric::kTunnels, {}, tunnels.open.get());
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto reason = static_cast<delivery::CloseReason>(i);
    const std::uint64_t n = tunnels.ended[i].get();
    if (n > 0 || reason == delivery::CloseReason::kTunnelEnded)
      out.add(Metric::kTunnelsEnded, {delivery::name(reason)}, n);
  }
  out.add(Metric::kTunnelBytes, {"to_client"}, tunnels.to_client.get());
  out.add(Metric::kTunnelBytes, {"from_client"}, tunnels.from_client.get());
}

void add_queues(Exposition& out, const Snapshot& s) {
  for (std::size_t w = 0; w < s.workers.size(); ++w) {
    const std::string worker = std::to_string(w);
    for (std::size_t i = 0; i < s.listens.size(); ++i) {
      const Snapshot::Queue& queue = s.workers[w].queues[i];
      out.add(Metric::kAcceptQueue, {s.listens[i], worker}, queue.waiting);
      out.add(Metric::kAcceptQueueMax, {s.listens[i], worker}, queue.most);
      out.add(Metric::kAcceptBacklog, {s.listens[i], worker}, queue.backlog);
    }
  }
  out.add(Metric::kListenOverflows, {}, s.drops.overflows);
  out.add(Metric::kListenDrops, {}, s.drops.drops);
}

void add_fetches(Exposition& out, std::string_view origin, const proxy::FetchStats& fetches) {
  using namespace proxy;
  for (std::size_t k = 0; k < kFetchKinds; ++k) {
    for (std::size_t e = 0; e < kFetchEnds; ++e) {
      out.add(Metric::kFetches,
              {origin, name(static_cast<FetchKind>(k)), name(static_cast<FetchEnd>(e))},
              fetches.ended[k][e].get());
    }
  }
  for (std::size_t i = 0; i < kErrcs; ++i) {
    const ErrorInfo& error = info(static_cast<Errc>(i));
    const std::uint64_t n = fetches.failed[i].get();
    if (error.side != Side::kClient || n > 0)
      out.add(Metric::kFetchFailures, {origin, error.name}, n);
  }
  out.add(Metric::kFetchResumes, {origin}, fetches.resumes.get());
  out.add(Metric::kFetchRetries, {origin}, fetches.retries.get());
  out.add(Metric::kFetchParked, {origin}, fetches.parked.get());
  out.add(Metric::kFetchQueue, {origin}, fetches.queued);
}

void add_servers(Exposition& out, const Snapshot::Origin& origin) {
  for (const Snapshot::Server& server : origin.servers) {
    const Exposition::Labels labels = {origin.name, server.name};
    out.add(Metric::kServerUp, labels, std::uint64_t{server.up()});
    out.add(Metric::kServerRequests, labels, server.view.requests);
    out.add(Metric::kServerFailures, labels, server.view.failures);
    out.add(Metric::kServerOutstanding, labels, std::uint64_t{server.view.outstanding});
  }
  out.add(Metric::kOriginConnections, {origin.name}, origin.connections);
}

void add_origins(Exposition& out, const Snapshot& s) {
  for (std::size_t i = 0; i < s.origins.size(); ++i) {
    const std::string& origin = s.origins[i].name;
    const auto& lanes = s.origins[i].lanes;
    const WorkerStats::Origin& stats = s.origins[i].stats;
    add_fetches(out, origin, stats.fetches);
    add_servers(out, s.origins[i]);
    for (std::size_t k = 0; k < lanes.size(); ++k) {
      out.add(Metric::kFetchesRunning, {origin, kLaneNames[k]}, lanes[k].running);
      out.add(Metric::kFetchesWaiting, {origin, kLaneNames[k]}, lanes[k].waiting);
    }
    out.add(Metric::kOriginConnected, {origin}, stats.connected.get());
    out.add(Metric::kOriginReused, {origin}, stats.reused.get());
    out.add(Metric::kOriginIdleClosed, {origin}, stats.idle_closed.get());
    out.add(Metric::kOriginIdle, {origin}, stats.idle.get());
    out.add(Metric::kOriginReceived, {origin}, stats.received_bytes.get());
  }
}

void add_storage(Exposition& out, const Snapshot& s) {
  out.add(Metric::kStoreLimit, {}, s.store.limit);
  out.add(Metric::kStoreUsed, {}, s.store.used);
  out.add(Metric::kStoreChunks, {}, s.store.chunks);
  out.add(Metric::kStoreEvictedChunks, {}, s.store.evicted_chunks);
  out.add(Metric::kStoreEvictedBytes, {}, s.store.evicted_bytes);
  out.add(Metric::kStoreRefused, {}, s.store.refused);
  out.add(Metric::kStoreGhostHits, {}, s.store.ghost_hits);
  out.add(Metric::kSpoolLimit, {}, s.spool.limit);
  out.add(Metric::kSpoolUsed, {}, s.spool.used);
  out.add(Metric::kSpoolRefused, {}, s.spool.refused);
  out.add(Metric::kCacheKeys, {}, s.cache_keys);
}

void add_disks(Exposition& out, const Snapshot& s) {
  for (const store::DiskStats::One& disk : s.disks.disks) {
    out.add(Metric::kDiskSize, {disk.path}, disk.size);
    out.add(Metric::kDiskUsed, {disk.path}, disk.used);
    out.add(Metric::kDiskUp, {disk.path}, std::uint64_t{disk.in_use});
    out.add(Metric::kDiskWritten, {disk.path}, disk.written);
    out.add(Metric::kDiskForwarded, {disk.path}, disk.forwarded);
    out.add(Metric::kDiskReclaimed, {disk.path}, disk.reclaimed);
    out.add(Metric::kDiskRefused, {disk.path}, disk.refused);
  }
  out.add(Metric::kDiskDirty, {}, s.disks.dirty);
  out.add(Metric::kDiskUnwritten, {}, s.disks.unwritten_chunks);
  out.add(Metric::kDiskReads, {}, s.disks.reads);
  out.add(Metric::kDiskReadBytes, {}, s.disks.read_bytes);
  out.add(Metric::kDiskReadErrors, {}, s.disks.read_errors);
  out.add(Metric::kDiskDamaged, {}, s.disks.damaged);
  out.add(Metric::kDiskIndex, {}, s.disks.index_bytes);
  out.add(Metric::kDiskObjects, {}, s.disks.bodies);
}

void add_purges(Exposition& out, const Snapshot& s) {
  const proxy::PurgeStats& stats = s.sum.proxy.purges;
  for (std::size_t mode = 0; mode < proxy::kPurgeModes.size(); ++mode) {
    for (std::size_t kind = 0; kind < proxy::kPurgeKinds; ++kind) {
      out.add(Metric::kPurges,
              {name(static_cast<proxy::PurgeKind>(kind)), proxy::kPurgeModes[mode]},
              stats.purges[kind][mode].get());
    }
    out.add(Metric::kPurgedObjects, {proxy::kPurgeModes[mode]}, stats.objects[mode].get());
  }
  out.add(Metric::kBans, {}, s.bans);
  out.add(Metric::kTags, {}, s.tags);
}

void add_process(Exposition& out, const Snapshot& s) {
  for (std::size_t w = 0; w < s.workers.size(); ++w) {
    const std::string worker = std::to_string(w);
    if (s.workers[w].lag) out.add(Metric::kLoopLag, {worker}, *s.workers[w].lag);
    out.add(Metric::kLoopRounds, {worker}, s.workers[w].rounds);
    out.add(Metric::kLoopLagMax, {worker}, s.workers[w].longest_lag);
    out.add(Metric::kWorkerSilent, {worker}, s.workers[w].silent);
  }
  out.add(Metric::kLogLines, {"written"}, s.log_written);
  out.add(Metric::kLogLines, {"dropped"}, s.log_dropped);
  out.add(Metric::kRecording, {}, std::uint64_t{s.recording.state == Recorder::State::kOn});
  out.add(Metric::kRecordedConnections, {}, s.recording.connections);
  out.add(Metric::kRecordedLines, {"written"}, s.recording.written_lines);
  out.add(Metric::kRecordedLines, {"dropped"}, s.recording.dropped_lines);
  out.add(Metric::kRecordedBytes, {}, s.recording.written_bytes);
  out.add(Metric::kErrorLogLines, {"written"}, s.error_log_written);
  out.add(Metric::kErrorLogLines, {"dropped"}, s.error_log_dropped);
  out.add(Metric::kReloads, {"done"}, s.reloads.done);
  out.add(Metric::kReloads, {"failed"}, s.reloads.failed);
  out.add(Metric::kReloadFailed, {}, std::uint64_t{s.reloads.last_failed});
  out.add(Metric::kRestartNeeded, {}, s.reloads.after_restart);
  out.add(Metric::kCpu, {}, s.cpu);
  out.add(Metric::kResident, {}, s.resident_bytes);
  out.add(Metric::kStartTime, {}, static_cast<std::uint64_t>(s.started.time_since_epoch().count()));
  out.add(Metric::kDraining, {}, std::uint64_t{s.draining});
  out.add(Metric::kInfo, {s.version}, std::uint64_t{1});
}

}  // namespace

std::string metrics_page(const Snapshot& snapshot) {
  Exposition out;
  add_requests(out, snapshot);
  add_clients(out, snapshot);
  add_tunnels(out, snapshot);
  add_queues(out, snapshot);
  add_origins(out, snapshot);
  add_storage(out, snapshot);
  add_disks(out, snapshot);
  add_purges(out, snapshot);
  add_process(out, snapshot);
  return out.text();
}

}  // namespace weir::app
