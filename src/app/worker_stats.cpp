#include "app/worker_stats.h"

#include "base/check.h"

namespace weir::app {

void WorkerStats::Origin::publish(const origin::Pool& pool) {
  const origin::PoolStats& from = pool.stats();
  connected.set(from.connected);
  reused.set(from.reused);
  idle_closed.set(from.idle_closed);
  idle.set(pool.idle());
  received_bytes.set(from.received);
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
  WEIR_CHECK(origins.size() == other.origins.size());
  front.merge(other.front);
  proxy.merge(other.proxy);
  for (std::size_t i = 0; i < origins.size(); ++i) origins[i].merge(other.origins[i]);
}

}  // namespace weir::app
