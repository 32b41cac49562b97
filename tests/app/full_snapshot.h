#pragma once
// A Snapshot in which every kind of number is there, for the tests of what prints it.

#include <memory>

#include "app/snapshot.h"

namespace weir::app {

// One origin, one listener, two workers; `lag` is theirs.
inline std::unique_ptr<Snapshot> full_snapshot(Durations& lag) {
  using namespace std::chrono_literals;
  auto s = std::make_unique<Snapshot>();
  s->version = "1.2.3";
  s->kernel_tls = {.kernel = false, .openssl = true};
  s->pid = 42;
  s->started = WallTime{1'700'000'000s};
  s->uptime = 90s;
  s->cpu = 1500ms;
  s->resident_bytes = 10 << 20;
  s->connections = 7;
  s->connections_max = 100;
  s->listens = {"127.0.0.1:80"};
  s->certificates = {{"127.0.0.1:80", "/tls.pem", WallTime{1'800'000'000s}}};
  Snapshot::Origin& origin = s->origins.emplace_back();
  origin.name = "main";
  origin.lanes = {{{3, 2}, {1, 0}, {0, 0}}};
  origin.servers = {{"a:1", {.requests = 9}}, {"b:1", {.healthy = false, .requests = 4}}};
  origin.connections = 6;
  s->workers = {{.longest_lag = 5ms, .silent = 0s, .lag = &lag, .queues = {{1, 2, 4096}}},
                {.longest_lag = 250ms,
                 .silent = 1s,
                 .cpu = 1500ms,
                 .connections = 3,
                 .lag = &lag,
                 .queues = {{0, 1, 4096}}}};
  s->store = {.limit = 1 << 30, .used = 1 << 20, .chunks = 9};
  s->disks.disks = {{.path = "/d", .size = 2 << 20, .used = 1 << 20, .regions = 3}};
  s->disks.bodies = 4;
  s->disks.index_bytes = 640;
  s->cache_keys = 5;
  s->reloads = {.done = 3, .failed = 1, .last_failed = true, .after_restart = 2};
  s->drops = {.overflows = 11, .drops = 12};
  s->sum.front.sent_bytes.add(3 << 20);
  s->sum.front.open[static_cast<std::size_t>(delivery::Phase::kSending)].set(4);
  s->sum.front.closed[static_cast<std::size_t>(delivery::CloseReason::kZeroWindow)].add(6);
  s->sum.front.refused[static_cast<std::size_t>(Errc::kBadHost)].add(8);
  s->sum.proxy.requests.add(proxy::How::kHit, "", 30);
  s->sum.proxy.requests.add(proxy::How::kMiss, "cacheable", 10);
  s->sum.proxy.responses[2].add(40);
  s->sum.proxy.first_byte.add(2ms);
  origin.stats.received_bytes.set(2 << 20);
  origin.stats.fetches.fail(proxy::FetchKind::kFill, Error{Errc::kOriginCut});
  return s;
}

}  // namespace weir::app
