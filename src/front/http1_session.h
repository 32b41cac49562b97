#pragma once
// Http1Session: one client connection of HTTP/1.
//
//             first byte          head whole            response over, kept
//   Idle --------------> Head --------------> Exchange -----------------------> Idle
//    |  idle_timeout      | head_timeout: 408   |  \-- response over, not kept --> Linger -->
//    Closed
//    \--> Closed          | bad head: 4xx       |      (also after 4xx and 408)       ^
//                         \---------------------+-- reset, stalled, cut -----------> Closed
//
// Linger: our FIN is out; what the client still sends is discarded, so that its kernel does not
// answer with a reset that destroys the tail of the response (kernel-facts G). It ends when the
// client closed and everything was acknowledged, when it stops acknowledging, or after
// linger_timeout.

#include <memory>
#include <string>

#include "base/list.h"
#include "delivery/stall.h"
#include "front/http1_stream.h"
#include "net/conn.h"

namespace weir::front {

class Http1Session final : public net::Conn::Owner, public net::Timer::Owner, public ListNode {
 public:
  // What a session needs of its worker; outlives it.
  struct Home {
    net::Loop& loop;
    const Settings& settings;
    Service& service;
    body::ChunkSource& source;
    Http1StreamPool& streams;
    std::span<std::byte> scratch;  // for reads, shared by all sessions of the worker
    bool draining = false;         // no new requests: connections end after the one they serve
  };
  class Owner {
   public:
    virtual void on_session_closed(Http1Session& session) = 0;  // destroys it

   protected:
    ~Owner() = default;
  };

  Http1Session(Home& home, Owner& owner, int fd, const net::Address& peer);
  ~Http1Session();

  void on_ready(net::Conn& conn, net::Ready what) override;
  void on_timer(net::Timer& timer) override;
  void take_turn();  // go on as far as bytes and buffers allow
  void drain();      // idle: close; busy: close after this response
  const net::Address& peer() const { return conn_.peer(); }
  std::string_view client_host() const;
  bool in_turn() const { return in_turn_; }
  bool may_keep() const;  // whether another request may follow on this connection

 private:
  enum class State : std::uint8_t { kIdle, kHead, kExchange, kLinger, kClosed };
  // A step returns whether the machine should go on; false: wait for an event.
  bool step_head();
  bool step_exchange();
  bool step_linger();

  bool feed_head(std::string_view in);
  void begin_exchange(std::string_view rest);
  void refuse(Error error);
  bool take_body();
  void watch_client();
  bool send();
  bool finish_exchange();
  void begin_linger();
  void end_stream(std::optional<Error> error);
  void set_fast(bool fast);
  void close(std::optional<Error> error);
  void abort(Error error);
  void watch_delivery(TimePoint now);

  Home& home_;
  Owner& owner_;
  net::Conn conn_;
  net::Timer timer_;
  std::unique_ptr<Http1Stream> stream_;
  std::string pending_;              // read and not yet parsed: pipelined requests
  mutable std::string client_host_;  // made when first asked for
  delivery::StallTimeout stall_;
  TimePoint phase_began_{};  // of the head, or of the last byte of a request body, or of lingering
  State state_ = State::kIdle;
  bool readable_ = false;  // an edge told so and no read has drained it since
  bool in_turn_ = false;
  bool fast_ = false;  // notsent_lowat_fast is in force
};

}  // namespace weir::front
