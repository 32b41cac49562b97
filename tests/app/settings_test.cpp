#include "app/settings.h"

#include <doctest/doctest.h>

#include "app/config.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

Config parsed(std::string_view text) {
  auto loaded = parse_config(text, "t.conf");
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string() : loaded.error()));
  return loaded->config;
}

// No value below is the default of what it sets.

TEST_CASE("what the conf says of clients is what front/ is told") {
  const Config config = parsed(R"(
    origin = "127.0.0.1:90"
    [[listen]]
    address = "127.0.0.1:80"
    half_close = "abort"
    [[listen]]
    address = "127.0.0.1:81"
    [server]
    max_connections = 1001
    max_connections_per_client = 102
    [http]
    head_max = "3 KiB"
    target_max = "1 KiB"
    fields_max = 33
    idle_timeout = "11 s"
    head_timeout = "12 s"
    body_timeout = "13 s"
    min_body_rate = "14 B/s"
    linger_timeout = "15 s"
    [delivery]
    stall_timeout = "36 s"
    half_closed_stall_timeout = "4 s"
    zero_window_timeout = "18 s"
    trickle_rate = "19 B/s"
    min_rate = "20 B/s"
    max_owed = "21 MiB"
    notsent_lowat = "22 KiB"
    notsent_lowat_fast = "23 KiB"
  )");
  const front::Settings s = front_settings(config);
  CHECK(s.limits.head_bytes == 3 * 1024);
  CHECK(s.limits.target_bytes == 1024);
  CHECK(s.limits.fields == 33);
  CHECK(s.idle_timeout == 11s);
  CHECK(s.request.head_timeout == 12s);
  CHECK(s.request.body_timeout == 13s);
  CHECK(s.request.min_body_rate == 14);
  CHECK(s.delivery.linger_timeout == 15s);
  CHECK(s.delivery.linger_max == 30s);
  CHECK(s.delivery.stall_timeout == 36s);
  CHECK(s.delivery.half_closed_stall_timeout == 4s);
  CHECK(s.delivery.zero_window_timeout == 18s);
  CHECK(s.delivery.trickle_rate == 19);
  CHECK(s.delivery.min_rate == 20);
  CHECK(s.max_connections == 1001);
  CHECK(s.max_connections_per_client == 102);
  CHECK(s.max_owed == std::uint64_t{21} << 20);
  CHECK(s.socket.notsent_lowat == 22 * 1024);
  CHECK(s.notsent_lowat_fast == 23 * 1024);
  CHECK(s.socket.rto_max == 3s);  // a twelfth of stall_timeout

  REQUIRE(config.listens.size() == 2);
  CHECK(listen_settings(config.listens[0]).half_close_aborts);
  CHECK_FALSE(listen_settings(config.listens[1]).half_close_aborts);
}

TEST_CASE("what the conf says of an origin is what origin/ and sched/ are told") {
  const Config config = parsed(R"(
    listen = "127.0.0.1:80"
    [[origin]]
    name = "far"
    servers = ["192.0.2.1:90", "192.0.2.2:91 weight=3", "192.0.2.3:92 backup"]
    host = "inner.example"
    balance = "least-outstanding"
    max_connections = 41
    server_max_connections = 42
    queue_max = 43
    queue_timeout = "44 s"
    eject_failures = 45
    eject_min = "46 s"
    eject_max = "47 s"
    retry_for = "48 s"
    eject_on_5xx = true
    health_check = "/up"
    health_interval = "50 s"
    health_timeout = "4 s"
    health_expect = "201-204"
    health_rise = 5
    health_fall = 6
    local_address = "127.0.0.9"
    keepalive_requests = 51
    connect_timeout = "52 s"
    first_byte_timeout = "53 s"
    between_bytes_timeout = "54 s"
    idle_connections = 55
    idle_timeout = "56 s"
  )");
  const OriginConf& conf = config.origins.at(0);
  const origin::Settings s = origin_settings(conf, config.http);
  CHECK(s.name == "far");
  REQUIRE(s.servers.size() == 3);
  CHECK(s.servers[1].weight == 3);
  CHECK_FALSE(s.servers[1].backup);
  CHECK(s.servers[2].backup);
  CHECK(s.host == "inner.example");
  CHECK(s.balance == conf.balance);
  CHECK(s.balance != origin::Settings().balance);
  CHECK(s.max_connections == 41);
  CHECK(s.server_max_connections == 42);
  CHECK(s.queue_timeout == 44s);
  CHECK(s.eject.failures == 45);
  CHECK(s.eject.backoff_min == 46s);
  CHECK(s.eject.backoff_max == 47s);
  CHECK(s.eject.steady_for == 48s);
  CHECK(s.eject_on_5xx);
  CHECK(s.health.path == "/up");
  CHECK(s.health.interval == 50s);
  CHECK(s.health.timeout == 4s);
  CHECK(s.health.expect.least == 201);
  CHECK(s.health.expect.most == 204);
  CHECK(s.health.rise == 5);
  CHECK(s.health.fall == 6);
  REQUIRE(s.local_address);
  CHECK(s.local_address->host_text() == "127.0.0.9");
  CHECK(s.keepalive_requests == 51);
  CHECK(s.connect_timeout == 52s);
  CHECK(s.first_byte_timeout == 53s);
  CHECK(s.between_bytes_timeout == 54s);
  CHECK(s.idle_connections == 55);
  CHECK(s.idle_timeout == 56s);

  const sched::Limits limits = gate_limits(conf);
  CHECK(limits.running == 41);
  CHECK(limits.waiting == 43);
  CHECK(limits.patience == 44s);
}

TEST_CASE("what the conf says of storage is what store/ is told") {
  const Config config = parsed(R"(
    listen = "127.0.0.1:80"
    origin = "127.0.0.1:90"
    [storage]
    memory = "61 MiB"
    max_object = "62 MiB"
    transit_window = "3 MiB"
    spool_max = "4 MiB"
  )");
  const auto s = store_settings(config.storage);
  CHECK(s.limit == std::uint64_t{61} << 20);
  CHECK(s.max_object == std::uint64_t{62} << 20);
  CHECK(transit_lead(config.storage, true) == std::uint64_t{7} << 20);
  CHECK(transit_lead(config.storage, false) == std::uint64_t{3} << 20);
}

}  // namespace
}  // namespace weir::app
