#pragma once
// What the conf file says about client connections.

#include "base/time.h"
#include "http/parser.h"
#include "net/conn.h"

namespace weir::front {

struct Settings {
  http::HeadLimits limits;
  Duration idle_timeout = std::chrono::seconds(75);   // between requests
  Duration head_timeout = std::chrono::seconds(30);   // first to last byte of a request head
  Duration body_timeout = std::chrono::seconds(60);   // no byte of a request body for so long
  Duration linger_timeout = std::chrono::seconds(5);  // after our FIN, for the client's
  Duration stall_timeout = std::chrono::seconds(60);  // nothing acknowledged while data is owed
  std::uint64_t body_window = 1024 * 1024;  // request body read ahead of the origin, bytes
  std::uint64_t max_connections = 65536;    // of all workers together
  net::ClientSocketOptions socket;
  std::uint32_t notsent_lowat_fast = 2 * 1024 * 1024;  // for clients that read fast, bytes
};

}  // namespace weir::front
