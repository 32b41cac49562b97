#pragma once
// What the conf file says about one origin.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/parser.h"
#include "net/address.h"
#include "origin/health.h"
#include "sched/breaker.h"

namespace weir::origin {

enum class Balance : std::uint8_t { kRoundRobin, kLeastOutstanding, kHash };

struct Server {
  net::HostPort address;
  std::string name;  // "10.0.0.1:9000": for logs, and for the place of keys with kHash
  std::uint32_t weight = 1;
  bool backup = false;  // used only when no other is usable
  bool tls = false;
};

struct Settings {
  std::string name;
  std::string host;  // sent to it; empty: the client's
  std::vector<Server> servers;
  bool proxy_protocol = false;  // connections begin with a PROXY header, and serve one request each
  std::string tls_name;         // that certificates must be for; empty: see tls_name_of()
  Balance balance = Balance::kRoundRobin;
  // Connections of all workers, idle ones included. 0: no limit.
  std::uint32_t max_connections = 0;
  std::uint32_t server_max_connections = 0;
  sched::BreakerSettings eject = {.failures = 5,
                                  .backoff_min = std::chrono::seconds(1),
                                  .backoff_max = std::chrono::seconds(10)};
  bool eject_on_5xx = false;  // 502, 503 and 504 count as failures
  HealthSettings health;
  std::optional<net::Address> local_address;  // to connect from; port 0
  Duration connect_timeout = std::chrono::seconds(5);
  Duration queue_timeout = std::chrono::seconds(30);       // for a connection, when all are in use
  Duration first_byte_timeout = std::chrono::seconds(90);  // request sent to head complete
  Duration between_bytes_timeout = std::chrono::seconds(30);  // while the body comes
  std::size_t idle_connections = 64;                          // kept for reuse, for each worker
  Duration idle_timeout = std::chrono::seconds(30);
  std::uint64_t keepalive_requests = 0;  // that one connection carries; 0: no limit
  http::HeadLimits limits;

  // Whom a certificate must be for: tls_name, else the host that is sent to it, else the server's
  // own.
  std::string tls_name_of(const Server& server) const;
};

}  // namespace weir::origin
