#pragma once
// What the conf file says about client connections.

#include <memory>
#include <vector>

#include "base/time.h"
#include "delivery/patience.h"
#include "delivery/request_patience.h"
#include "http/parser.h"
#include "net/conn.h"
#include "net/network.h"
#include "net/tls.h"

namespace weir::front {

struct Settings {
  http::HeadLimits limits;
  Duration idle_timeout = std::chrono::seconds(75);       // between requests
  Duration handshake_timeout = std::chrono::seconds(10);  // TLS, and a PROXY header before it
  std::size_t max_handshakes = 1000;        // under way in a worker; one more ends the longest
  delivery::RequestSettings request;        // how slowly a request may come
  delivery::Settings delivery;              // how slowly a response may be taken
  std::uint64_t body_window = 1024 * 1024;  // request body read ahead of the origin, bytes
  // Connections of all workers together; more are answered 503, and by an eighth more not accepted.
  std::uint64_t max_connections = 65536;
  std::uint64_t max_connections_per_client = 0;  // for one address; 0: no limit
  // Bytes owed to clients and held by the kernel for them, all together; above nine tenths of it
  // those go that hold most for longest without progress.
  std::uint64_t max_owed = std::uint64_t{1} << 30;
  net::ClientSocketOptions socket;
  std::uint32_t notsent_lowat_fast = 2 * 1024 * 1024;  // for clients that read fast, bytes
};

// What one [[listen]] may have of its own.
struct ListenSettings {
  bool half_close_aborts = false;  // a FIN within an exchange ends it; else it is served
  bool http2 = true;               // to clients that begin with its preface
  std::shared_ptr<net::TlsSlot<net::TlsServer>> tls = {};  // null: plain
  std::vector<net::Network> introducers = {};  // whose connections begin with a PROXY header
};

}  // namespace weir::front
