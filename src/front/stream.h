#pragma once
// Stream: one request and its response on a client's connection, as proxy/ sees it, whatever the
// protocol. Handler: who answers it. All calls on the Loop's thread.
//
// The life of a Stream, and the calls allowed in each phase:
//   1. on_request      the Handler may reply() at once, or keep the Stream and reply() later
//   2. before reply()  inform(), reply(), request_body()
//   3. after reply()   the Stream pulls the body by itself; on_hole() may come, any number of times
//   4. on_sent         nothing is asked of the Handler any more but to remember for the log
//   5. on_done         the Stream is gone when it returns; nothing may be called any more

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ref.h"
#include "base/time.h"
#include "body/body.h"
#include "delivery/close_reason.h"
#include "delivery/receipt.h"
#include "front/line.h"
#include "http/head.h"
#include "net/loop.h"

namespace weir::front {

class Stream;

// One of several pieces of a body, behind a text of its own (multipart/byteranges). The last one
// may have no bytes.
struct Part {
  std::string text;
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

// The response to send. Views must live until reply() returns; the body's Ref is kept.
struct Reply {
  int status = 200;
  std::string_view reason{};             // empty: the standard phrase
  const http::Fields* fields = nullptr;  // end-to-end fields; framing and Connection are added here
  Ref<body::Body> body{};                // null: no body follows
  std::uint64_t first = 0;               // the part of the body to send: [first, end)
  std::uint64_t end = body::kUnlimited;
  std::vector<Part> parts{};  // instead of [first, end), with `length` given
  // What Content-Length says; nothing: not known yet. Also for replies to HEAD, which have no body.
  std::optional<std::uint64_t> length{};
};

// What became of it, for the access log.
struct Ending {
  bool complete = false;             // every byte of the response was handed to the kernel
  delivery::Receipt::Facts receipt;  // and how much of it arrived
  delivery::CloseReason close = delivery::CloseReason::kOpen;  // the connection ended with it
  std::uint64_t connection = 0;                                // its number in this worker
  std::optional<Error> error;
  std::uint64_t head_bytes = 0;
  std::uint64_t body_bytes = 0;  // handed to the kernel, without framing
  int status = 0;                // 0: no final status was sent
  TimePoint began{};             // first byte of the request
  TimePoint first_byte{};        // of the response; zero if none
  TimePoint ended{};
};

class Handler {
 public:
  virtual void on_request(Stream& stream) = 0;
  // The reply's body lacks these bytes and nobody brings them. Arrange for them (a BodyWriter must
  // stand when this returns) or say why the response has to be cut.
  virtual std::optional<Error> on_hole(Stream& stream, const body::Hole& hole) = 0;
  // The last byte went to the kernel, or none will any more: what was held for it can go.
  virtual void on_sent(Stream& stream) = 0;
  // Its receipt is settled: by the client's next request, by acknowledgement, or by the end.
  virtual void on_done(Stream& stream, const Ending& ending) = 0;

 protected:
  ~Handler() = default;
};

class Service {
 public:
  // Who answers the next request. The Handler is lent until its on_done returns.
  virtual Handler& begin() = 0;
  // A request that front/ refused by itself, or that never became whole (see ending.error).
  virtual void on_refused(const Stream& stream, const Ending& ending) = 0;

 protected:
  ~Service() = default;
};

class Stream {
 public:
  // The whole head; valid until on_done returns.
  virtual const http::Request& request() const = 0;
  // The body of the request as it arrives; null when it has none. Bounded: it is read from the
  // client only as fast as it is consumed.
  virtual Ref<body::Body> request_body() const = 0;
  virtual std::string_view client_host() const = 0;
  virtual std::uint16_t client_port() const = 0;
  // A PROXY header (version 2) about the client and where it connected to.
  virtual std::string introduction() const = 0;
  virtual std::string_view scheme() const = 0;
  virtual net::Loop& loop() const = 0;

  // Fields to add to the reply's own (Age, Cache-Status, ...). Cleared for each Stream.
  virtual http::Fields& extra() = 0;
  // A 1xx on the way (never 101). Ignored for HTTP/1.0 clients and after reply().
  virtual void inform(int status, const http::Fields& fields) = 0;
  // The final response; once.
  virtual void reply(const Reply& reply) = 0;
  // 101 instead of it: once this head is out, the connection is `owner`'s until on_sent. Only for a
  // request of HTTP/1.1 without content.
  virtual void switch_protocols(const Reply& head, Line::Owner& owner) = 0;

 protected:
  ~Stream() = default;
};

}  // namespace weir::front
