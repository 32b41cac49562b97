#pragma once
// Dial: a new connection to a server of an origin, ready to carry a request: TCP, then a PROXY
// header and TLS where the origin wants them.
//
//   Connecting --connected--> Shaking --handshake over--> Over(conn)
//       |   \-- plain server --------|-------------------> Over(conn)
//       \----------------------------\-------------------> Over(error)
//
// Loop's thread only.

#include <memory>

#include "base/result.h"
#include "net/conn.h"
#include "net/connector.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "origin/servers.h"

namespace weir::origin {

class Dial final : public net::Connector::Owner, public net::Conn::Owner, public net::Timer::Owner {
 public:
  class Owner {
   public:
    // Once, never inside the constructor. The Conn is not the Dial's any more: the receiver names
    // another owner of it at once, and tries to read without waiting for an edge. Errors are the
    // Connector's, kOriginUntrusted, kOriginWrongName, kOriginExpired, kOriginTlsFailed and
    // kOriginTlsTimeout. May destroy the Dial.
    virtual void on_dialled(Result<std::unique_ptr<net::Conn>> conn) = 0;

   protected:
    ~Owner() = default;
  };

  // `limit` is for all of it. `introduction`: the PROXY header about the client, for origins with
  // proxy_protocol; empty: the connection is Weir's own. All must outlive it. Destroying it gives
  // up silently.
  Dial(net::Loop& loop, net::Resolver& resolver, Servers& servers, std::size_t server,
       std::string_view introduction, Duration limit, Owner& owner);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  void on_connected(Result<net::Connected> result) override;
  void on_ready(net::Conn& conn, net::Ready what) override;
  void on_timer(net::Timer& timer) override;

 private:
  enum class State : std::uint8_t { kConnecting, kShaking, kOver };
  void shake_hands();
  Error why_failed();
  void finish(Result<std::unique_ptr<net::Conn>> result);

  const Server& server() const { return servers_.settings.servers[server_]; }

  net::Loop& loop_;
  Servers& servers_;
  const std::size_t server_;
  const std::string_view introduction_;
  Owner& owner_;
  State state_ = State::kConnecting;
  net::Timer timer_;  // the end of `limit`, once there is a connection
  const TimePoint until_;
  std::unique_ptr<net::Conn> conn_;
  std::unique_ptr<net::Connector> connector_;
};

}  // namespace weir::origin
