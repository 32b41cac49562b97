#pragma once
// Http2Session: one client connection of HTTP/2 (RFC 9113, with nghttp2). Many Http2Streams at
// once; whose turn it is to send decides nghttp2, by RFC 9218 where the client says what it wants
// first, else all in turn.
//
//   Open --drain--> Notice --PING answered, 1 s--> Last --no stream left--> Linger --> Closed
//    |--idle_timeout, no stream----------------------^                        ^
//    '--flood, broken rules: all streams are cut--> Flush --GOAWAY is out-----'
//   any state: reset, reaped ------------------------------------------------------> Closed
//
// Notice: GOAWAY without a limit is out, so that requests on their way are still served. Last: the
// GOAWAY that names the last one. Linger: as in http1_session.h.
//
// Two judge who may stay. The connection: delivery::Patience, by TCP's acknowledgements. A stream:
// delivery::CreditPatience, by the credit of flow control; one that gets none is reset while its
// siblings go on. A FIN of the client ends what it asks and what it credits: what is under way goes
// on as far as it has credit.

#include <deque>
#include <memory>
#include <string>

#include "front/http2_guard.h"
#include "front/http2_outbox.h"
#include "front/http2_stream.h"
#include "front/session.h"

struct nghttp2_session;

namespace weir::front {

class Http2Session final : public Session, public net::Conn::Owner, public net::Timer::Owner {
 public:
  using Owner = Session::Owner;

  Http2Session(Home& home, Owner& owner, std::shared_ptr<const ListenSettings> listen,
               std::unique_ptr<net::Conn> conn, std::uint64_t number);
  ~Http2Session() override;

  // Once, with what was read of the connection so far: the preface and what followed it, or
  // nothing. May close the session, as any turn may.
  void begin(std::string_view read);

  void on_ready(net::Conn& conn, net::Ready what) override;
  void on_timer(net::Timer& timer) override;
  void drain() override;
  void drain_soon() override { drain(); }  // GOAWAY loses no request
  void sacrifice() override;
  TimePoint useless_since() const override;
  bool give_way() override;
  delivery::Phase phase() const override;
  const DeliveryWatch& watch() const override { return watch_; }
  Duration still() const override;
  ConnectionView view() const override;
  std::string_view client_host() const override;
  const std::shared_ptr<const ListenSettings>& listen() const override { return listen_; }
  std::uint64_t number() const override { return number_; }

  // For streams.
  const net::Address& peer() const { return conn_->peer(); }
  bool secure() const { return conn_->tls() != nullptr; }
  std::string introduction() const {
    return net::print_proxy_header(conn_->peer(), conn_->local());
  }
  void post() noexcept { home_.loop.post(turn_); }  // a turn, soon; any thread
  void send_interim(Http2Stream& stream, int status, const http::Fields& fields);
  void send_head(Http2Stream& stream, const Reply& reply, bool body);

 private:
  friend struct Http2Callbacks;  // of nghttp2: what they do is here, under on_...
  enum class State : std::uint8_t { kOpen, kNotice, kLast, kFlush, kLinger, kClosed };
  // Bytes of one gather write, for a client that reads fast and for another. What the kernel does
  // not take of it is copied when the client stands still.
  static constexpr std::uint64_t kBatchFast = 1024 * 1024;
  static constexpr std::uint64_t kBatch = 128 * 1024;
  std::uint64_t batch() const { return fast_ ? kBatchFast : kBatch; }
  struct Turn final : Task {
    explicit Turn(Http2Session& s) : session(s) {}
    void run() noexcept override { session.take_turn(); }
    Http2Session& session;
  };

  void take_turn();
  // A step returns whether the machine should go on; false: wait for an event.
  bool step_serve();
  bool step_flush();
  bool step_linger();
  bool serving() const { return state_ <= State::kLast; }
  bool input_over() const { return conn_->peer_closed() && !readable_; }

  void read_input();
  bool feed(std::string_view in);
  void begin_requests();
  void arrive(Http2Stream& stream, bool ends);
  void refuse(Http2Stream& stream, Error why);
  void visit_streams();
  void visit_body(Http2Stream& stream, TimePoint now);
  void credit(Http2Stream& stream, std::size_t bytes);
  void reset(Http2Stream& stream, std::uint32_t code);
  void pump();
  bool fill();
  void note_written();
  void finish_streams();
  void finish(Http2Stream& stream);
  void cut(Http2Stream& stream);
  void cut_all();
  bool end_if_over();
  void wind_clocks();

  // Called by nghttp2. Only these may run inside of it: they never call into it but to submit.
  std::int64_t on_body_wanted(Http2Stream& stream, std::size_t most, std::uint32_t& flags);
  int on_header(Http2Stream& stream, std::string_view name, std::string_view value, bool trailer);
  int on_frame_begins(std::uint8_t type, std::uint8_t flags, std::int32_t id);
  void on_data(Http2Stream& stream, std::span<const std::byte> bytes);
  int note(Http2Guard::Nuisance what);
  void foretell(std::int32_t id);
  int calm_down(delivery::CloseReason why);
  void on_reset_sent(std::uint32_t code);
  void on_head_sent(Http2Stream& stream);

  bool look();
  bool time_out(TimePoint now);
  void judge_credit(TimePoint now);
  void reset_unwanted(TimePoint now);
  TimePoint deadline() const;
  void say_last(delivery::CloseReason why);
  void settle_receipts();
  void settle(Http2Stream& stream);
  void set_fast(bool fast);
  void note_acked(std::uint64_t offset);
  void on_half_close();
  void end_now(std::uint32_t code, delivery::CloseReason why);
  void leave(delivery::CloseReason why);
  void begin_linger(delivery::CloseReason why);
  void close(delivery::CloseReason why);
  void reap(delivery::CloseReason why);
  void gone(int error);
  void arm();

  Home& home_;
  Owner& owner_;
  const std::shared_ptr<const ListenSettings> listen_;
  std::unique_ptr<net::Conn> conn_;
  net::Timer timer_;
  Turn turn_;
  std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> ng_;
  Http2Guard guard_;
  Http2Outbox outbox_;
  List<Http2Stream> open_;       // owned; the oldest first
  List<Http2Stream> unsettled_;  // owned; over, with open receipts
  std::size_t unsettled_count_ = 0;
  // Streams whose response is over and whose request is not: reset after a while, so that clients
  // that would take that for a failure can stop by themselves.
  struct Unwanted {
    std::int32_t id;
    TimePoint reset_at;
  };
  std::deque<Unwanted> unwanted_;
  std::size_t arrived_ = 0;         // of open_: to be begun
  Http2Stream* heading_ = nullptr;  // whose head nghttp2 gives out
  DeliveryWatch watch_;
  mutable std::string client_host_;         // made when first asked for
  TimePoint since_;                         // without streams, or lingering
  TimePoint idle_at_ = TimePoint::max();    // no stream: idle_timeout
  TimePoint head_at_ = TimePoint::max();    // a head that is not whole: head_timeout
  TimePoint credit_at_ = TimePoint::max();  // look at the credit of streams
  TimePoint notice_at_ = TimePoint::max();  // the end of Notice
  TimePoint rest_at_ = TimePoint::max();    // Linger: it rests until then
  const std::uint64_t number_;
  std::uint64_t acked_ = 0;        // bytes of the connection that are counted as acknowledged
  std::uint64_t slow_until_ = 0;   // where its last standstill was
  std::int32_t last_ = INT32_MAX;  // of our GOAWAY: later requests are not begun
  delivery::CloseReason why_ = delivery::CloseReason::kOpen;   // the first reason there is, is kept
  delivery::CloseReason calm_ = delivery::CloseReason::kOpen;  // what the guard said
  State state_ = State::kOpen;
  bool readable_ = true;  // an edge told so and no read has drained it since
  bool in_turn_ = false;
  bool fast_ = false;                   // notsent_lowat_fast is in force
  bool half_closed_ = false;            // the client's FIN came while something was to be sent
  bool client_leaves_ = false;          // its GOAWAY came
  std::vector<std::int32_t> foretold_;  // streams to come whose priority is known
  bool pong_ = false;                   // a PING of ours was answered
};

}  // namespace weir::front
