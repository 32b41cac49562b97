#pragma once
// Session: one client connection, as Frontend sees it, whatever the protocol. Every connection
// begins as an Http1Session; one that turns out to be of HTTP/2, by what TLS agreed upon (ALPN) or,
// without TLS, by its first bytes, goes on as an Http2Session. Loop's thread.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/list.h"
#include "front/connection_view.h"
#include "front/delivery_watch.h"
#include "front/settings.h"
#include "front/stats.h"
#include "front/stream.h"
#include "net/conn.h"

namespace weir::front {

class Http1Session;
class Http1StreamPool;
class Http2StreamPool;

class Session : public ListNode {
 public:
  // One whose PROXY header or TLS handshake is not over: in Home::handshakes.
  struct Handshake : ListNode {
    explicit Handshake(Http1Session& s) : session(s) {}
    Http1Session& session;
  };
  // What a session needs of its worker; outlives it.
  struct Home {
    net::Loop& loop;
    const Settings& settings;
    Service& service;
    body::ChunkSource& source;
    Http1StreamPool& streams;
    Http2StreamPool& http2_streams;
    Stats& stats;
    std::span<std::byte> scratch;           // for reads, shared by all sessions of the worker
    List<Handshake>* handshakes = nullptr;  // the longest first
    std::size_t handshake_count = 0;
    SampleSink* samples = nullptr;  // null: samples are not recorded
    std::uint64_t connections = 0;  // made so far
    bool draining = false;          // no new requests: connections end after what they serve
  };
  class Owner {
   public:
    virtual void on_session_closed(Session& session) = 0;  // destroys it
    // A PROXY header has told who the client is: client_host() was `before`. Whether it may stay.
    virtual bool on_introduced(Session& session, const std::string& before) = 0;
    // The session's client speaks HTTP/2. Destroys it; `conn` and what was read of it (valid during
    // the call) belong to an Http2Session from now on.
    virtual void on_http2(Session& session, std::unique_ptr<net::Conn> conn,
                          std::string_view read) = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~Session() = default;

  virtual void drain() = 0;       // idle: leave; busy: after what it serves
  virtual void drain_soon() = 0;  // the same, but idle: after its next request, if it has one
  virtual void sacrifice() = 0;   // memory is short and this client makes no progress
  // Since when it only takes a place: idle, lingering, or long about its head, and all it was sent
  // is thought to be acknowledged. max: it is of use.
  virtual TimePoint useless_since() const = 0;
  virtual bool give_way() = 0;  // the same, asked for certain: then it is closed
  virtual delivery::Phase phase() const = 0;
  virtual const DeliveryWatch& watch() const = 0;
  // How long nothing has got on, of who is owed something, asks or waits; zero: it gets on, or
  // nothing is under way.
  virtual Duration still() const = 0;
  virtual ConnectionView view() const = 0;
  virtual std::string_view client_host() const = 0;
  virtual const std::shared_ptr<const ListenSettings>& listen() const = 0;
  virtual std::uint64_t number() const = 0;  // among the worker's connections
};

}  // namespace weir::front
