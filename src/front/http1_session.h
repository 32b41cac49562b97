#pragma once
// Http1Session: one client connection of HTTP/1.
//
//            first byte         head whole           response over, kept
//   Idle -------------> Head -------------> Exchange ----------------------> Idle
//    |                   |-- 408, 4xx -------^ |
//    |                   |                     '-- response over, not kept --> Linger --> Closed
//    |                   |-- FIN, bytes are owed ---------------------------------^
//    |                   '-- FIN, nothing is owed --------------------------------------> Closed
//    |-- FIN or drain, bytes are owed --------------------------------------> Linger
//    '-- FIN, drain or idle_timeout, nothing is owed -----------------------------------> Closed
//   Exchange, once a 101 is out ---> Line -- both sides have ended it, or it has failed -> Linger
//   any state: reset, reaped, cut ------------------------------------------------------> Closed
//   Idle, ALPN chose h2, or without TLS the first bytes are the preface of HTTP/2: an Http2Session
//   goes on with it.
//
// Who is owed bytes is judged by delivery::Patience and by nothing else, in any state: an idle
// connection's clock runs only once the client has all of its last response, and who cannot stay
// although something is owed lingers.
//
// Linger: our FIN is out; what the client still sends is discarded, so that its kernel does not
// answer with a reset that destroys the tail of the response (kernel-facts G), and the descriptor
// is held until all is acknowledged or the client is condemned.
//
// A response that was handed to the kernel is not over for the log: its stream is kept as `sent_`
// until its receipt is settled by the next request, by acknowledgement, or by the connection's end.

#include <memory>
#include <string>

#include "front/http1_stream.h"
#include "front/session.h"

namespace weir::front {

class Http1Session final : public Session,
                           public Line,
                           public net::Conn::Owner,
                           public net::Timer::Owner {
 public:
  using Owner = Session::Owner;

  Http1Session(Home& home, Owner& owner, std::shared_ptr<const ListenSettings> listen, int fd,
               const net::Address& peer);
  ~Http1Session() override;

  void on_ready(net::Conn& conn, net::Ready what) override;
  void on_timer(net::Timer& timer) override;
  void take_turn();           // go on as far as bytes and buffers allow
  void turn_away(Error why);  // a connection too many: answered before it asks
  void give_up_handshake();   // others want to begin theirs
  void drain() override;
  void drain_soon() override {}  // its next response says that it is the last
  void sacrifice() override;
  TimePoint useless_since() const override;
  bool give_way() override;
  const net::Address& peer() const { return conn_.peer(); }
  bool secure() const { return conn_.tls() != nullptr; }
  std::string_view client_host() const override;
  std::string introduction() const { return net::print_proxy_header(conn_.peer(), conn_.local()); }
  const std::shared_ptr<const ListenSettings>& listen() const override { return listen_; }
  std::uint64_t number() const override { return number_; }
  bool in_turn() const { return in_turn_; }
  bool may_keep() const;  // whether another request may follow on this connection
  delivery::Phase phase() const override;
  const DeliveryWatch& watch() const override { return watch_; }
  net::IoResult take(std::span<std::byte> into) override;
  net::IoResult put(std::span<const std::byte> bytes) override;
  void end_output() override;
  void later() override { stream_->wake(); }
  void turn() override { take_turn(); }
  Duration still() const override;
  ConnectionView view() const override;

 private:
  enum class State : std::uint8_t { kIdle, kHead, kExchange, kLine, kLinger, kClosed, kHttp2 };
  // A step returns whether the machine should go on; false: wait for an event.
  bool step_head();
  bool step_exchange();
  bool step_line();
  bool step_linger();

  bool feed_head(std::string_view in);
  bool is_preface(std::string_view in);
  bool open_stream();
  // The client's FIN came and all before it was read.
  bool input_over() const { return conn_.peer_closed() && !readable_; }
  void begin_exchange(std::string_view rest);
  void refuse(Error error);
  bool take_body();
  void note_ahead();
  void watch_client();
  void on_half_close();
  void judge_half_closed();
  bool send();
  bool put_out();
  void finish_exchange();
  void end_idle(delivery::CloseReason why);
  void leave(delivery::CloseReason why);
  void begin_cut(delivery::CloseReason why);
  void begin_linger(delivery::CloseReason why);

  bool look();
  void wind_idle_clock(TimePoint now);
  void time_out(TimePoint now);
  void time_out_body(TimePoint now);
  void settle_receipts();
  void settle(std::unique_ptr<Http1Stream> stream);
  void set_fast(bool fast);
  void note_acked(std::uint64_t offset);
  bool chose_http2() const { return secure() && conn_.tls()->protocol() == "h2"; }  // ALPN
  bool shaking() const { return handshake_.linked(); }
  void end_handshake();
  void close(delivery::CloseReason why);
  void reap(delivery::CloseReason why);
  void cut(Error error);
  void gone(int error);
  void arm();

  Home& home_;
  Owner& owner_;
  const std::shared_ptr<const ListenSettings> listen_;
  std::unique_ptr<net::Conn> own_conn_;
  net::Conn& conn_;  // the same
  net::Timer timer_;
  std::unique_ptr<Http1Stream> stream_;
  std::unique_ptr<Http1Stream> sent_;  // the one before, while its receipt is open
  std::string pending_;                // read and not yet parsed: pipelined requests
  mutable std::string client_host_;    // made when first asked for
  Handshake handshake_{*this};         // linked: it is not over
  DeliveryWatch watch_;
  TimePoint deadline_ = TimePoint::max();  // of the state itself, beside watch_.look_at()
  TimePoint since_;                        // it has been idle, about a head, or lingering
  const std::uint64_t number_;
  std::uint64_t acked_ = 0;       // bytes of the connection that are counted as acknowledged
  std::uint64_t slow_until_ = 0;  // where its last standstill was, bytes of the connection
  delivery::CloseReason why_ = delivery::CloseReason::kOpen;  // the first reason there is, is kept
  State state_ = State::kIdle;
  bool fresh_;                // nothing but a part of the preface of HTTP/2 came: it may follow
  std::uint8_t preface_ = 0;  // bytes of it
  bool readable_ = false;     // an edge told so and no read has drained it since
  bool in_turn_ = false;
  bool fast_ = false;          // notsent_lowat_fast is in force
  bool half_closed_ = false;   // the client's FIN came while something was to be sent
  bool output_ended_ = false;  // our FIN is out, or will be
  bool input_cut_ = false;     // Line: the client's TLS ended without close_notify
  bool cutting_ = false;       // it ends by a reset and not by our FIN
};

}  // namespace weir::front
