#include "app/settings.h"

#include <algorithm>

#include "base/check.h"

namespace weir::app {
namespace {

http::HeadLimits head_limits(const HttpConf& http) {
  return {.head_bytes = http.head_max, .target_bytes = http.target_max, .fields = http.fields_max};
}

std::uint32_t clamp32(std::uint64_t n) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(n, UINT32_MAX));
}

}  // namespace

front::Settings front_settings(const Config& config) {
  front::Settings s;
  s.limits = head_limits(config.http);
  s.idle_timeout = config.http.idle_timeout;
  s.head_timeout = config.http.head_timeout;
  s.body_timeout = config.http.body_timeout;
  s.linger_timeout = config.http.linger_timeout;
  s.stall_timeout = config.delivery.stall_timeout;
  s.max_connections = config.server.max_connections;
  s.socket.notsent_lowat = clamp32(config.delivery.notsent_lowat);
  s.notsent_lowat_fast = clamp32(config.delivery.notsent_lowat_fast);
  return s;
}

origin::Settings origin_settings(const OriginConf& origin) {
  origin::Settings s;
  s.name = origin.name;
  for (const std::string& server : origin.servers) {
    const auto address = net::split_host_port(server);
    WEIR_CHECK(address.has_value());  // the loader refused everything else
    s.servers.push_back(*address);
  }
  s.connect_timeout = origin.connect_timeout;
  s.first_byte_timeout = origin.first_byte_timeout;
  s.between_bytes_timeout = origin.between_bytes_timeout;
  s.idle_connections = origin.idle_connections;
  s.idle_timeout = origin.idle_timeout;
  return s;
}

sched::Limits gate_limits(const OriginConf& origin) {
  return {.running = clamp32(origin.max_connections),
          .waiting = clamp32(origin.queue_max),
          .patience = origin.queue_timeout};
}

store::MemoryStore::Settings store_settings(const Storage& storage) {
  store::MemoryStore::Settings s;
  s.limit = storage.memory;
  if (storage.max_object != 0) s.max_object = storage.max_object;
  return s;
}

std::vector<proxy::Site> sites(const Config& config) {
  std::vector<proxy::Site> out;
  for (const Site& conf : config.sites) {
    proxy::Site site;
    site.hosts = conf.hosts;
    const auto origin = std::ranges::find(config.origins, conf.origin, &OriginConf::name);
    WEIR_CHECK(origin != config.origins.end());
    site.origin = static_cast<std::size_t>(origin - config.origins.begin());
    site.origin_host = origin->host;
    site.rules.default_ttl = std::chrono::floor<Seconds>(conf.default_ttl);
    site.rules.heuristic = conf.heuristic;
    site.forward.forwarded = conf.forwarded;
    site.forward.via = conf.via;
    site.cache_status = conf.cache_status;
    site.request_body_max = conf.request_body_max;
    out.push_back(std::move(site));
  }
  return out;
}

}  // namespace weir::app
