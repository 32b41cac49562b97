#include "app/worker_stats.h"

namespace weir::app {

void WorkerStats::Origin::publish(const origin::Pool& pool, origin::PoolStats& told) {
  const origin::PoolStats& now = pool.stats();
  connected.add(now.connected - told.connected);
  reused.add(now.reused - told.reused);
  idle_closed.add(now.idle_closed - told.idle_closed);
  received_bytes.add(now.received - told.received);
  idle.set(pool.idle());
  told = now;
}

void WorkerStats::Origin::merge(const Origin& other) {
  fetches.merge(other.fetches);
  connected.add(other.connected.get());
  reused.add(other.reused.get());
  idle_closed.add(other.idle_closed.get());
  idle.add(other.idle.get());
  received_bytes.add(other.received_bytes.get());
}

void WorkerStats::merge(const WorkerStats& other) {
  front.merge(other.front);
  proxy.merge(other.proxy);
}

}  // namespace weir::app
