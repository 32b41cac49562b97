#pragma once
// Call: one request to an origin and its response, over HTTP/1.1. A Head out, a Head and bytes in.
//
//   Waiting --> Connecting --> Head --------> Body --> Over(ok)
//     ^ \-------------\----------|--------------\----> Over(error): no server, queue_timeout,
//     |                          |                     connect, cut, reset, between_bytes_timeout
//     \----------retry-----------/   a reused connection that died before a byte of the response
//                                    is replaced once by a new one, if the request may be sent
//                                    twice
//
// A request with Upgrade may be answered 101: then the Call is over, and its connection the
// owner's (switched.h).
//
// Waiting: in line for a connection, when as many are open as may be. An idle connection leads
// straight to Head. The server is the Balancer's choice, and hears of the end once, whatever it is.
//
// In Head and Body the request is still being sent while its body lasts: an origin may answer
// early. While the client owes bytes of the request no clock of the origin's runs.
//
// The body of the response is read from the socket straight into the BodyWriter that the caller
// names in on_head, as fast as it comes; only a writer without room stops it. Loop's thread only.
// Destroying a Call ends its connection.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/result.h"
#include "body/body.h"
#include "http/head.h"
#include "http/parser.h"
#include "net/conn.h"
#include "origin/balancer.h"
#include "origin/pool.h"
#include "origin/switched.h"

namespace weir::origin {

// Where a request may go.
struct Route {
  std::uint64_t hash = 0;  // of what is asked for
  Tried& tried;            // the Call adds its server when that fails. Outlives the Call
  std::string_view introduction = {};  // of the client, with proxy_protocol. Outlives the Call
};

class Call final : public net::Conn::Owner,
                   public Dial::Owner,
                   public net::Timer::Owner,
                   public body::Waiter,
                   public Task {
 public:
  class Owner {
   public:
    // 1xx on the way.
    virtual void on_informational(const http::Response& response) = 0;
    // The head of the final response. The owner calls receive(), if a body follows, before it
    // returns. May not destroy the Call.
    virtual void on_head(http::Response& response) = 0;
    // 101, to a request with Upgrade: the connection is the owner's now, or dies. on_over follows,
    // with success. May not destroy the Call.
    virtual void on_switched(http::Response& response, Switched connection) = 0;
    // kNoRoom or kLead: the writer has no space now. Bytes wait in the socket until resume().
    virtual void on_blocked(body::BodyWriter::Stop why) = 0;
    // The end, once. On success all bytes of the response were committed. May destroy the Call.
    virtual void on_over(Result<void> result) = 0;

   protected:
    ~Owner() = default;
  };

  // `head` must have all fields but the framing of `body`, and must outlive the Call. `body`: the
  // request's, or null.
  Call(Pool& pool, const http::Request& head, Ref<body::Body> body, const Route& route,
       Owner& owner);
  ~Call();

  // Where the body goes, after `skip` bytes of it that are not wanted; no more than `most` bytes of
  // it, the skipped ones included, are taken. `writer` must live until on_over or the Call's end.
  void receive(body::BodyWriter& writer, std::uint64_t skip, std::uint64_t most = body::kUnlimited);
  void resume();  // the writer may have space again

  bool has_body() const { return response_.framing != http::Framing::kNone; }
  std::uint64_t received() const { return received_; }  // bytes of the response's body
  bool reused() const { return reused_; }
  std::string_view server() const { return server_; }  // its address; empty before connected

  void on_ready(net::Conn& conn, net::Ready what) override;
  void on_dialled(Result<std::unique_ptr<net::Conn>> conn) override;
  void on_timer(net::Timer& timer) override;
  // The request's body has more, or there is a place for a connection.
  void wake() noexcept override { pool_.loop().post(*this); }
  void run() noexcept override { take_turn(); }

 private:
  enum class State : std::uint8_t { kWaiting, kConnecting, kHead, kBody, kOver };
  enum class Flow : std::uint8_t { kOn, kStop };

  void seek();
  void stand_in_line();
  Flow step_waiting();
  void begin(Connection connection);
  void compose_head();
  void wind_clock();
  void take_turn();
  void send_request();
  bool next_piece(body::Lease& lease);
  void consumed(std::size_t n);
  Flow step_head();
  Flow take_head(std::string_view in);
  Flow take_switch(std::string_view early);
  Flow step_body();
  Flow take_early();
  Flow read_plain();
  Flow read_chunked();
  Flow skip_some();
  Flow stopped(body::BodyWriter::Stop why);
  Flow end_of_stream(const net::IoResult& read);
  std::size_t decode(std::string_view in);
  std::size_t copy_plain(std::string_view in);
  std::size_t wanted(std::size_t n) const;
  void accept(std::size_t n);
  bool may_retry() const;
  Flow retry();
  void finish();
  Flow over(Result<void> result);
  Verdict verdict(const Result<void>& result) const;
  void report(Verdict verdict, std::string_view reason);
  void tell(Change change, std::size_t server, std::string_view reason) const;

  Pool& pool_;
  const http::Request& head_;
  Ref<body::Body> request_body_;
  Tried& tried_;
  const std::string_view introduction_;
  Owner& owner_;
  std::optional<Pick> pick_;  // until its verdict is told
  ConnectionLimit::Opener opener_;
  ConnectionLimit::Place place_;  // while connecting
  std::unique_ptr<Dial> dial_;
  std::optional<Connection> link_;
  net::Timer timer_;
  std::string server_;
  std::string text_;  // request bytes not yet sent
  std::size_t text_at_ = 0;
  std::optional<body::BodyReader> reader_;
  std::uint64_t piece_left_ = 0;
  http::ResponseParser parser_;
  http::ChunkedDecoder decoder_;
  http::Response response_;
  body::BodyWriter* writer_ = nullptr;
  std::string early_;  // body bytes that came with the head, or that found no space
  std::uint64_t skip_ = 0;
  std::uint64_t most_ = body::kUnlimited;
  std::uint64_t left_ = 0;  // with Content-Length
  std::uint64_t received_ = 0;
  std::uint64_t turn_bytes_ = 0;
  std::uint64_t head_bytes_ = 0;  // with those of 1xx
  std::uint32_t interims_ = 0;    // 1xx that were passed on
  Result<void> result_;
  State state_ = State::kWaiting;
  bool request_sent_ = false;
  bool body_touched_ = false;  // bytes of the request's body were consumed: no second attempt
  bool response_began_ = false;
  bool client_owes_ = false;  // all that is here of the request is sent, and more is to come
  bool reused_ = false;
  bool retried_ = false;
  bool refused_ = false;       // its status counts as a failure of the server
  bool blocked_ = false;       // the writer has no space: we do not read
  bool held_back_ = false;     // ...now or before: a reset may be our fault
  bool body_chunked_ = false;  // the request's body goes out in chunks
  bool decoded_all_ = false;   // the last chunk was read
  bool in_turn_ = false;
};

}  // namespace weir::origin
