#include "app/origin_watch.h"

#include <algorithm>

#include "base/log.h"

namespace weir::app {

void OriginWatch::watch(const std::vector<std::shared_ptr<SharedOrigin>>& origins) {
  for (const auto& origin : origins) {
    const auto same = [&](const auto& one) { return one->origin == origin; };
    if (std::ranges::any_of(watched_, same)) continue;
    origin::Servers& servers = origin->servers;
    auto one = std::make_unique<One>();
    one->origin = origin;
    one->capacity = std::make_unique<origin::CapacityWatch>(loop_, servers.balancer, *this);
    if (!servers.settings.health.path.empty())
      one->health = std::make_unique<origin::HealthChecker>(loop_, resolver_, servers);
    watched_.push_back(std::move(one));
  }
}

void OriginWatch::sweep() {
  std::erase_if(watched_, [](const auto& one) { return one->origin.use_count() == 1; });
}

// Here the scheduler of the origin is told.
void OriginWatch::on_capacity(const origin::CapacityWatch& watch, std::uint32_t connections) {
  const auto at = std::ranges::find_if(
      watched_, [&](const auto& one) { return one->capacity.get() == &watch; });
  SharedOrigin& origin = *(*at)->origin;
  // Without a server fetches go on to be refused, or to wait for a trial: not in the queue.
  if (connections > 0) {
    origin.gate.set_capacity(connections, loop_.now());
  } else {
    log_warn("no server in use origin={}", origin.conf.name);
  }
}

}  // namespace weir::app
