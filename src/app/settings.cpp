#include "app/settings.h"

#include <algorithm>
#include <random>

#include "app/conf_rule.h"
#include "app/conf_value.h"
#include "base/check.h"
#include "base/log.h"

namespace weir::app {
namespace {

http::HeadLimits head_limits(const HttpConf& http) {
  return {.head_bytes = http.head_max, .target_bytes = http.target_max, .fields = http.fields_max};
}

// Far above what descriptors allow, far below what overflows.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 32;

std::uint32_t clamp32(std::uint64_t n) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(n, UINT32_MAX));
}

origin::HealthSettings health_settings(const OriginConf& origin) {
  origin::HealthSettings s;
  s.path = origin.health_check;
  s.interval = origin.health_interval;
  s.timeout = origin.health_timeout;
  s.expect = origin::parse_status_range(origin.health_expect).value_or(s.expect);
  s.rise = clamp32(origin.health_rise);
  s.fall = clamp32(origin.health_fall);
  return s;
}

}  // namespace

delivery::Settings delivery_settings(const Config& config) {
  const DeliveryConf& conf = config.delivery;
  delivery::Settings s;
  s.stall_timeout = conf.stall_timeout;
  s.half_closed_stall_timeout = conf.half_closed_stall_timeout;
  s.zero_window_timeout = conf.zero_window_timeout;
  s.trickle_rate = conf.trickle_rate;
  s.min_rate = conf.min_rate;
  s.linger_timeout = config.http.linger_timeout;
  s.linger_max = 2 * config.http.linger_timeout;
  return s;
}

Recorder::Plan record_plan(const DeliveryConf& delivery) {
  return {.path = delivery.record.empty() ? delivery.record_on_order : delivery.record,
          .most = delivery.record_max,
          .every = clamp32(delivery.record_sample)};
}

front::Settings front_settings(const Config& config) {
  front::Settings s;
  s.limits = head_limits(config.http);
  s.idle_timeout = config.http.idle_timeout;
  s.handshake_timeout = config.http.handshake_timeout;
  s.max_handshakes = config.http.max_handshakes;
  s.request.head_timeout = config.http.head_timeout;
  s.request.body_timeout = config.http.body_timeout;
  s.request.min_body_rate = config.http.min_body_rate;
  s.delivery = delivery_settings(config);
  s.max_connections = config.server.max_connections == 0 ? kNoLimit : config.server.max_connections;
  s.max_connections_per_client = config.server.max_connections_per_client;
  s.max_owed = config.delivery.max_owed;
  // Asked more often, silence shows sooner and a link that comes back is used sooner; but the
  // kernel gives up after 15 questions, which must not be before we do.
  s.socket.rto_max = std::clamp<Duration>(config.delivery.stall_timeout / 12,
                                          std::chrono::seconds(1), std::chrono::seconds(10));
  s.socket.notsent_lowat = clamp32(config.delivery.notsent_lowat);
  s.notsent_lowat_fast = clamp32(config.delivery.notsent_lowat_fast);
  return s;
}

origin::Settings origin_settings(const OriginConf& origin, const HttpConf& http) {
  origin::Settings s;
  s.limits = head_limits(http);
  s.name = origin.name;
  s.host = origin.host;
  // The loader refused everything that cannot be read here.
  for (const std::string& text : origin.servers) {
    ServerText server;
    WEIR_CHECK(!split_server(text, server));
    s.servers.push_back({*net::split_host_port(server.address), server.address, server.weight,
                         server.backup, server.tls});
  }
  s.tls_name = origin.tls_name;
  s.proxy_protocol = origin.proxy_protocol;
  s.balance = origin.balance;
  s.max_connections = clamp32(origin.max_connections);
  s.server_max_connections = clamp32(origin.server_max_connections);
  s.eject = {.failures = clamp32(origin.eject_failures),
             .backoff_min = origin.eject_min,
             .backoff_max = origin.eject_max,
             .steady_for = origin.retry_for};
  s.eject_on_5xx = origin.eject_on_5xx;
  s.health = health_settings(origin);
  s.local_address = net::parse_address(origin.local_address, 0);
  s.queue_timeout = origin.queue_timeout;
  s.keepalive_requests = origin.keepalive_requests;
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

std::uint64_t tunnels_most(const OriginConf& origin) {
  std::uint64_t most = origin.max_tunnels;
  for (const std::uint64_t connections :
       {origin.max_connections, origin.server_max_connections * origin.servers.size()}) {
    if (connections == 0) continue;
    const std::uint64_t half = std::max<std::uint64_t>(connections / 2, 1);
    most = most == 0 ? half : std::min(most, half);
  }
  return most;
}

front::ListenSettings listen_settings(const Listen& listen) {
  front::ListenSettings s{.half_close_aborts = listen.half_close == HalfClose::kAbort,
                          .http2 = listen.http2};
  for (const std::string& text : listen.proxy_protocol)
    s.introducers.push_back(net::parse_network(text).value());
  if (!listen.tls.empty()) s.tls = std::make_shared<net::TlsSlot<net::TlsServer>>();
  return s;
}

store::MemoryStore::Settings store_settings(const Storage& storage) {
  store::MemoryStore::Settings s;
  s.limit = storage.memory;
  if (storage.max_object != 0) s.max_object = storage.max_object;
  return s;
}

std::unique_ptr<store::Spool> open_spool(const Storage& storage) {
  if (storage.spool == 0 || storage.spool_max == 0) return nullptr;
  auto file = store::posix_files().open_nameless(storage.spool_directory);
  if (file) {
    return std::make_unique<store::Spool>(
        std::move(*file), store::Spool::Settings{.directory = storage.spool_directory,
                                                 .limit = storage.spool,
                                                 .memory = storage.spool_buffers});
  }
  log_warn(
      "no spool: cannot make a file in {}: {}; responses that are not kept run ahead of their "
      "clients by transit_window alone",
      storage.spool_directory, describe(file.error()));
  return nullptr;
}

std::unique_ptr<store::DiskStore> open_disks(const Storage& storage) {
  if (storage.disks.empty()) return nullptr;
  store::DiskStore::Settings s;
  for (const DiskConf& disk : storage.disks) s.disks.push_back({disk.path, disk.size});
  s.region_size = storage.region_size;
  s.power = storage.durability == Durability::kPower;
  s.dirty_max = std::min(storage.dirty_max, storage.memory / 4);  // what waits is in memory
  s.index_max = storage.disk_index;
  s.read_threads = clamp32(storage.disk_threads);
  s.now = [] { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); };
  std::random_device random;
  s.salt = (std::uint64_t{random()} << 32) | random();
  return std::make_unique<store::DiskStore>(store::posix_files(), std::move(s));
}

std::unique_ptr<cache::PurgeLog> open_purge_log(store::DiskStore& disks, const Storage& storage,
                                                WallTime now) {
  cache::PurgeLog::Settings s;
  s.directories = disks.directories();
  s.power = storage.durability == Durability::kPower;
  s.lost = [&disks, paths = s.directories](std::size_t i, Error why) {
    disks.take_out(paths[i], why);
  };
  s.make_room = [&disks, paths = s.directories](std::size_t i) {
    return disks.make_room(paths[i]);
  };
  return std::make_unique<cache::PurgeLog>(store::posix_files(), std::move(s), now);
}

cache::ShelfSettings shelf_settings(const Storage& storage) {
  cache::ShelfSettings s;
  s.object_min = storage.disk_object_min;
  if (storage.disk_object_max != 0) s.object_max = storage.disk_object_max;
  s.second_hit = storage.disk_admit == DiskAdmit::kSecondHit;
  return s;
}

std::uint64_t transit_lead(const Storage& storage, bool has_spool) {
  return storage.transit_window + (has_spool ? storage.spool_max : 0);
}

proxy::TunnelRules tunnel_rules(const Config& config, const front::Settings& front) {
  return {.idle_timeout = config.http.tunnel_idle_timeout,
          .buffer = config.http.tunnel_buffer,
          .delivery = front.delivery,
          .socket = front.socket};
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
    site.rules.stale_if_error = std::chrono::floor<Seconds>(conf.stale_if_error);
    site.rules.negative_max = std::chrono::floor<Seconds>(conf.negative_max);
    site.rules.hit_for_miss = std::chrono::floor<Seconds>(conf.hit_for_miss);
    site.rules.honour_request_no_cache = conf.request_cache_control;
    site.rules.store_set_cookie = conf.store_set_cookie;
    site.own_target = conf.targeted_field;
    site.forward.forwarded = conf.forwarded;
    site.forward.via = conf.via;
    site.upgrades = conf.upgrade;
    if (conf.upgrade.empty()) site.upgrades = {"websocket"};
    if (std::ranges::find(conf.upgrade, "off") != conf.upgrade.end()) site.upgrades.clear();
    site.cache_status = conf.cache_status;
    site.cache_status_key = conf.cache_status_key;
    site.request_body_max = conf.request_body_max;
    site.forward_tags = conf.forward_tags;
    proxy::set_codings(codings(conf.compress), site.compression);
    site.compress_types = conf.compress_types;
    site.compression.min = conf.compress_min;
    site.compression.max = conf.compress_max;
    site.compression.gzip_level = static_cast<int>(conf.gzip_level);
    site.compression.brotli_level = static_cast<int>(conf.brotli_level);
    for (const std::string& text : conf.purge_from) {
      site.purge_from.push_back(net::parse_network(text).value());
    }
    std::vector<proxy::Rule> rules;
    for (const SiteRule& rule : conf.rules) rules.push_back(compiled(rule, rules.size() + 1));
    site.compresses = site.compression.on() || std::ranges::any_of(rules, [](const proxy::Rule& r) {
                        return r.compress.has_value();
                      });
    site.exceptions = proxy::RuleSet(std::move(rules));
    out.push_back(std::move(site));
  }
  return out;
}

}  // namespace weir::app
