#include "front/http1_session.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "front/refusal.h"
#include "net/tls.h"

namespace weir::front {
namespace {

using delivery::CloseReason;

// Requests read ahead of the one being served, bytes.
constexpr std::size_t kPipelineMax = 64 * 1024;
// A client that has taken so much since it last stood still reads fast: what it may have unsent in
// the kernel rises, which saves wakes.
constexpr std::uint64_t kFastAfter = 4 * body::kChunkSize;
// Bytes of blank lines between two requests that are forgotten at a time; one who sends more meets
// the parser and its limits.
constexpr std::size_t kBlankMost = 64;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// RFC 9113 §3.4
const std::string kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9112 §2.2: an empty line before a request is no request.
std::size_t blank_lines(std::string_view in) {
  return std::min({in.find_first_not_of("\r\n"), in.size(), kBlankMost});
}

CloseReason reason_of(Error error) {
  switch (error.code) {
    case Errc::kRequestTimeout:
      return CloseReason::kRequestTimeout;
    case Errc::kTooManyConnections:
      return CloseReason::kTooManyConnections;
    case Errc::kClientGone:
    case Errc::kClientBodyCut:
      return CloseReason::kRequestCut;
    default:
      return info(error).side == Side::kClient ? CloseReason::kBadRequest
                                               : CloseReason::kOriginFailed;
  }
}

}  // namespace

Http1Session::Http1Session(Home& home, Owner& owner, std::shared_ptr<const ListenSettings> listen,
                           int fd, const net::Address& peer)
    : home_(home),
      owner_(owner),
      listen_(std::move(listen)),
      own_conn_(std::make_unique<net::Conn>(home.loop, fd, peer, *this)),
      conn_(*own_conn_),
      timer_(home.loop, *this),
      watch_(home.settings.delivery),
      deadline_(after(home.loop.now(), home.settings.idle_timeout)),
      since_(home.loop.now()),
      number_(++home.connections),
      fresh_(listen_->http2 && !listen_->tls) {
  const auto introduces = [&](const net::Network& n) { return n.contains(peer); };
  if (std::ranges::any_of(listen_->introducers, introduces)) conn_.expect_proxy_header();
  if (listen_->tls) conn_.start_tls(std::make_unique<net::Tls>(listen_->tls->get(), fd));
  if (conn_.handshaking()) {
    home_.handshakes->push_back(handshake_);
    ++home_.handshake_count;
    deadline_ = after(since_, home_.settings.handshake_timeout);
  }
  arm();
}

Http1Session::~Http1Session() {
  if (state_ != State::kClosed && state_ != State::kHttp2) close(CloseReason::kDrainTimeout);
}

std::string_view Http1Session::client_host() const {
  if (client_host_.empty()) client_host_ = conn_.peer().host_text();
  return client_host_;
}

bool Http1Session::may_keep() const {
  return !home_.draining && (!input_over() || !pending_.empty());
}

void Http1Session::on_ready(net::Conn&, net::Ready what) {
  if (shaking() && !conn_.handshaking()) {
    end_handshake();
    if (const net::Tls* tls = conn_.tls()) {
      const bool newest = tls->version() == name(TlsVersion::k13);
      home_.stats.count_handshake(newest ? TlsVersion::k13 : TlsVersion::k12, tls->resumed());
    }
    since_ = home_.loop.now();
    deadline_ = after(since_, home_.settings.idle_timeout);
    const std::string before = std::exchange(client_host_, {});
    if (before != client_host() && !owner_.on_introduced(*this, before))
      return turn_away(Error{Errc::kTooManyConnections});
    if (chose_http2()) state_ = State::kHttp2;
  }
  // Input that there was no room for hides a reset behind it.
  if (readable_ && conn_.failure() != 0) gone(conn_.failure());
  if (what.readable || what.closed) readable_ = true;
  take_turn();
}

void Http1Session::take_turn() {
  if (in_turn_) return;
  in_turn_ = true;
  bool more = true;
  while (more) {
    switch (state_) {
      case State::kIdle:
      case State::kHead:
        more = step_head();
        break;
      case State::kExchange:
        more = step_exchange();
        break;
      case State::kLine:
        more = step_line();
        break;
      case State::kLinger:
        more = step_linger();
        break;
      case State::kClosed:
      case State::kHttp2:
        more = false;
        break;
    }
  }
  in_turn_ = false;
  if (state_ == State::kHttp2) {
    const std::string read = preface_ > 0 ? kHttp2Preface + std::move(pending_) : std::string();
    return owner_.on_http2(*this, std::move(own_conn_), read);
  }
  if (state_ == State::kClosed) return owner_.on_session_closed(*this);
  arm();
}

void Http1Session::arm() { timer_.set(std::min(deadline_, watch_.look_at())); }

// ---- Idle, Head

bool Http1Session::step_head() {
  if (!pending_.empty()) {
    const std::string input = std::exchange(pending_, {});
    return feed_head(input);
  }
  if (!readable_) {
    const bool idle = state_ == State::kIdle && preface_ == 0;
    if (input_over()) leave(idle ? CloseReason::kClientClosed : CloseReason::kRequestCut);
    return state_ == State::kClosed || state_ == State::kLinger;
  }
  const net::IoResult r = conn_.read(home_.scratch);
  // A short read has drained the socket: what comes later is a new edge. When the FIN was seen
  // before, it is all that is left.
  readable_ = r.state == net::IoState::kDone && r.bytes == home_.scratch.size();
  if (r.state == net::IoState::kError) gone(r.error);
  if (r.state != net::IoState::kDone) return true;
  return feed_head({reinterpret_cast<const char*>(home_.scratch.data()), r.bytes});
}

// The connection's first bytes, in whatever pieces. True: it is, or may be, one of HTTP/2, and
// `in` was taken; false: it is none, and `in` is only to be read together with preface_.
bool Http1Session::is_preface(std::string_view in) {
  const std::string_view expected = std::string_view(kHttp2Preface).substr(preface_);
  const std::size_t n = std::min(in.size(), expected.size());
  if (in.substr(0, n) != expected.substr(0, n)) return false;
  if (preface_ == 0) deadline_ = after(home_.loop.now(), home_.settings.request.head_timeout);
  preface_ = static_cast<std::uint8_t>(preface_ + n);
  if (preface_ == kHttp2Preface.size()) {
    pending_.assign(in.substr(n));
    state_ = State::kHttp2;
  }
  return true;
}

bool Http1Session::feed_head(std::string_view in) {
  if (fresh_) {
    if (is_preface(in)) return state_ != State::kHttp2;
    fresh_ = false;
    if (preface_ > 0) {  // like "P" of POST
      const std::string all = kHttp2Preface.substr(0, std::exchange(preface_, 0)).append(in);
      return feed_head(all);
    }
  }
  if (state_ == State::kIdle) {
    in.remove_prefix(blank_lines(in));
    if (in.empty() || !open_stream()) return true;
  }
  const auto step = stream_->parser.feed(in, stream_->head());
  if (!step) {
    refuse(step.error());
    return true;
  }
  if (!step->complete) {
    deadline_ = stream_->patience.on_head(home_.loop.now(), home_.loop.lag()).look_again;
    return true;
  }
  if (stream_->head().length > body::kMaxTotal) {
    refuse(Error{Errc::kBodyTooLarge});
    return true;
  }
  begin_exchange(in.substr(step->used));
  return true;
}

// The first byte of a request. False: the client that sends it is gone, or has to go.
bool Http1Session::open_stream() {
  const TimePoint now = home_.loop.now();
  if (sent_) {
    // Who was still owed bytes when last seen may have sent this before it had them.
    if (watch_.receipts().owing() && !look()) return false;
    watch_.receipts().on_request(now);
    settle_receipts();
    if (!sent_) note_acked(conn_.bytes_written());
    if (sent_) settle(std::move(sent_));  // pipelined: what is known is all that will be
  }
  stream_ = home_.streams.take();
  stream_->attach(*this);
  stream_->ending.began = since_ = now;
  stream_->patience.begin_head(now);
  state_ = State::kHead;
  return true;
}

// A request that cannot be understood, or did not come in time, is answered and ends the
// connection.
void Http1Session::refuse(Error error) {
  stream_->head().keep_alive = false;
  stream_->ending.error = error;
  home_.stats.refused[static_cast<std::size_t>(error.code)].add();
  why_ = reason_of(error);
  state_ = State::kExchange;
  deadline_ = TimePoint::max();
  stream_->reply(refusal(error, home_.loop.wall_now(), home_.source, stream_->extra()));
}

void Http1Session::turn_away(Error why) {
  // Nothing can be said yet, and a handshake only to say it costs too much; or it would have to be
  // said in HTTP/2.
  if (shaking() || chose_http2()) {
    close(reason_of(why));
    return owner_.on_session_closed(*this);
  }
  in_turn_ = true;
  open_stream();  // nothing came before that could hinder it
  stream_->extra().add(http::FieldId::kRetryAfter, "1");
  refuse(why);
  in_turn_ = false;
  take_turn();
}

void Http1Session::begin_exchange(std::string_view rest) {
  state_ = State::kExchange;
  Http1Stream& stream = *stream_;
  stream.intake.start(stream.head(), home_.source, home_.settings.body_window, stream);
  const std::size_t used = stream.intake.feed(bytes_of(rest));
  pending_.assign(rest.substr(used));
  note_ahead();
  deadline_ = TimePoint::max();
  if (!stream.intake.whole()) {
    deadline_ = stream.patience.begin_body(home_.loop.now(), stream.intake.received()).look_again;
  }
  stream.handler = &home_.service.begin();
  stream.handler->on_request(stream);
  if (stream.request().expect_continue && !stream.sender.started() && !stream.intake.whole()) {
    stream.inform(100, {});
  }
}

// ---- Exchange

bool Http1Session::step_exchange() {
  if (!take_body()) return true;
  if (!send()) return state_ != State::kExchange;
  if (stream_->sender.over()) {
    if (stream_->line) {
      state_ = State::kLine;
      readable_ = true;  // what is here was perhaps not all that is
      return true;
    }
    finish_exchange();
    return true;
  }
  watch_client();
  return state_ != State::kExchange;
}

// The request body. False: the connection is over.
bool Http1Session::take_body() {
  Http1Intake& intake = stream_->intake;
  if (intake.state() != Http1Intake::State::kReading) return true;
  bool hungry = true;
  if (!pending_.empty()) pending_.erase(0, intake.feed(bytes_of(pending_)));
  if (pending_.empty() && readable_) {
    switch (intake.pull(conn_, home_.scratch, pending_)) {
      case Http1Intake::Pull::kDrained:
        readable_ = false;
        break;
      case Http1Intake::Pull::kNoRoom:
        hungry = false;
        break;
      case Http1Intake::Pull::kEnded:
        break;
      case Http1Intake::Pull::kGone:
        gone(0);
        return false;
    }
  }
  if (intake.state() == Http1Intake::State::kReading) {
    deadline_ = stream_->patience
                    .on_body(home_.loop.now(), intake.received(), hungry && pending_.empty(),
                             home_.loop.lag())
                    .look_again;
  } else {
    deadline_ = TimePoint::max();
    note_ahead();
  }
  return true;
}

// What was read ahead of its turn is another request, once the one before is whole.
void Http1Session::note_ahead() {
  if (pending_.empty() || !stream_->intake.whole()) return;
  // Behind a request that may leave HTTP every byte may count.
  if (!stream_->head().fields.has(http::FieldId::kUpgrade))
    pending_.erase(0, blank_lines(pending_));
  if (!pending_.empty()) watch_.receipts().on_pipelined();
}

// Puts out what there is. False: wait for an event, or the connection is over (see state_).
bool Http1Session::send() {
  const Http1Sender& sender = stream_->sender;
  if (!sender.started() && !sender.pending()) return true;
  if (sender.started() && stream_->ending.first_byte == TimePoint{}) {
    stream_->ending.first_byte = home_.loop.now();
    watch_.receipts().add(stream_->receipt, conn_.bytes_written());
    stream_->response_begin = conn_.bytes_written();
  }
  const std::uint64_t before = conn_.bytes_written();
  const bool on = put_out();
  home_.stats.sent_bytes.add(conn_.bytes_written() - before);
  if (state_ != State::kExchange) return on;
  if (sender.started()) stream_->note_written(conn_.bytes_written());
  watch_.expect(home_.loop.now());
  return on;
}

bool Http1Session::put_out() {
  Http1Sender& sender = stream_->sender;
  for (;;) {
    const Http1Sender::Blocked why = sender.pump(conn_);
    if (sender.started()) stream_->note_written(conn_.bytes_written());
    if (!fast_ && conn_.bytes_written() >= slow_until_ + kFastAfter) set_fast(true);
    switch (why) {
      case Http1Sender::Blocked::kSocket:
        watch_client();
        return false;
      case Http1Sender::Blocked::kConn:
        gone(0);
        return false;
      case Http1Sender::Blocked::kTurnOver:
        stream_->wake();
        watch_client();
        return false;
      case Http1Sender::Blocked::kHole:
        if (const auto error = stream_->handler->on_hole(*stream_, sender.hole())) {
          cut(*error);
          return false;
        }
        continue;
      case Http1Sender::Blocked::kBody:
      case Http1Sender::Blocked::kNo:
        break;
    }
    if (sender.state() != Http1Sender::State::kFailed) return true;
    cut(sender.error());
    return false;
  }
}

void Http1Session::set_fast(bool fast) {
  if (fast_ == fast) return;
  fast_ = fast;
  if (!fast) slow_until_ = conn_.bytes_written();
  conn_.set_notsent_lowat(fast ? home_.settings.notsent_lowat_fast
                               : home_.settings.socket.notsent_lowat);
}

void Http1Session::note_acked(std::uint64_t offset) {
  if (offset <= acked_) return;
  home_.stats.acked_bytes.add(offset - acked_);
  acked_ = offset;
}

// The client may pipeline, half-close (it is served all the same) or reset while it waits.
void Http1Session::watch_client() {
  while (readable_ && stream_->intake.state() != Http1Intake::State::kReading &&
         pending_.size() < kPipelineMax) {
    const auto into = home_.scratch.first(std::min(home_.scratch.size(), kPipelineMax));
    const net::IoResult r = conn_.read(into);
    if (r.state == net::IoState::kError) return gone(r.error);
    readable_ = r.state == net::IoState::kDone;
    pending_.append(reinterpret_cast<const char*>(into.data()), r.bytes);
  }
  note_ahead();
  if (conn_.peer_closed()) on_half_close();
}

void Http1Session::finish_exchange() {
  if (!stream_->keep_alive || !stream_->intake.whole() || !may_keep()) {
    return begin_linger(home_.draining                   ? CloseReason::kDraining
                        : !stream_->request().keep_alive ? CloseReason::kResponseDone
                        : conn_.peer_closed()            ? CloseReason::kClientClosed
                                                         : CloseReason::kKeepAliveOff);
  }
  const TimePoint now = home_.loop.now();
  stream_->response_over(now);
  sent_ = std::move(stream_);
  state_ = State::kIdle;
  since_ = now;
  deadline_ = after(now, home_.settings.idle_timeout);
}

}  // namespace weir::front
