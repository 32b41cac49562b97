#pragma once
// What the conf file says about one origin.

#include <string>
#include <vector>

#include "base/time.h"
#include "http/parser.h"
#include "net/address.h"

namespace weir::origin {

struct Settings {
  std::string name;
  std::vector<net::HostPort> servers;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration first_byte_timeout = std::chrono::seconds(60);     // request sent to head complete
  Duration between_bytes_timeout = std::chrono::seconds(30);  // while the body comes
  std::size_t idle_connections = 64;                          // kept for reuse, for each worker
  Duration idle_timeout = std::chrono::seconds(30);
  http::HeadLimits limits;
};

}  // namespace weir::origin
