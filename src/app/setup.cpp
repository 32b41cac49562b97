#include "app/setup.h"

#include <algorithm>
#include <utility>

#include "app/config_page.h"
#include "app/descriptors.h"
#include "app/settings.h"

namespace weir::app {
namespace {

// Whether an origin of `b` would be made otherwise by it than by `a`.
bool same_heads(const HttpConf& a, const HttpConf& b) {
  return a.head_max == b.head_max && a.target_max == b.target_max && a.fields_max == b.fields_max;
}

// What health checks have found of servers that stay is known from the first request on.
void inherit_health(const SharedOrigin& from, SharedOrigin& to) {
  if (to.conf.health_check.empty()) return;
  const auto& old_ones = from.servers.settings.servers;
  const auto& new_ones = to.servers.settings.servers;
  for (std::size_t i = 0; i < new_ones.size(); ++i) {
    const auto old = std::ranges::find(old_ones, new_ones[i].name, &origin::Server::name);
    if (old == old_ones.end()) continue;
    const auto at = static_cast<std::size_t>(old - old_ones.begin());
    if (!from.servers.balancer.view(at).healthy) to.servers.balancer.set_healthy(i, false);
  }
}

std::shared_ptr<SharedOrigin> origin_of(const OriginConf& conf, const HttpConf& http,
                                        std::uint32_t workers, const Setup* before) {
  std::shared_ptr<SharedOrigin> old;
  if (before) {
    const auto named = [&](const auto& origin) { return origin->conf.name == conf.name; };
    const auto at = std::ranges::find_if(before->origins, named);
    if (at != before->origins.end()) old = *at;
  }
  if (old && old->conf == conf && same_heads(before->config().http, http)) return old;
  auto made = std::make_shared<SharedOrigin>(conf, http);
  if (old) inherit_health(*old, *made);
  made->stats = old ? old->stats : std::make_shared<std::vector<WorkerStats::Origin>>(workers);
  return made;
}

SharedListen listen_of(const Listen& conf, std::uint32_t workers, const Setup* before) {
  SharedListen out{.conf = conf, .address = {}, .settings = {}, .queues = {}};
  front::ListenSettings settings = listen_settings(conf);
  const SharedListen* old = nullptr;
  if (before) {
    const auto at = std::ranges::find(before->listens, conf.address,
                                      [](const SharedListen& l) { return l.conf.address; });
    if (at != before->listens.end()) old = &*at;
  }
  if (old) {
    out.address = old->address;
    out.queues = old->queues;
    if (settings.tls && old->settings->tls) settings.tls = old->settings->tls;
  } else {
    out.queues = std::make_shared<std::vector<WorkerStats::Queue>>(workers);
  }
  out.settings = std::make_shared<const front::ListenSettings>(std::move(settings));
  return out;
}

}  // namespace

SharedOrigin::SharedOrigin(const OriginConf& origin, const HttpConf& http)
    : conf(origin),
      servers(origin_settings(origin, http)),
      gate(gate_limits(origin)),
      tunnels(tunnels_most(origin)) {}

std::shared_ptr<Setup> make_setup(LoadedConfig loaded, std::uint32_t workers,
                                  std::uint64_t descriptors, const Setup* before) {
  auto out = std::make_shared<Setup>();
  out->loaded = std::move(loaded);
  const Config& config = out->config();
  out->front = front_settings(config);
  out->front.max_connections = affordable_connections(config, workers, descriptors);
  for (const Listen& listen : config.listens)
    out->listens.push_back(listen_of(listen, workers, before));
  out->sites = std::make_shared<const proxy::SiteTable>(sites(config));
  for (const OriginConf& origin : config.origins)
    out->origins.push_back(origin_of(origin, config.http, workers, before));
  if (before) out->access_log = before->access_log;
  out->page = config_page(out->loaded);
  return out;
}

}  // namespace weir::app
