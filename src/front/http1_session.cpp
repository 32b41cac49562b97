#include "front/http1_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "body/text_body.h"
#include "http/date.h"

namespace weir::front {
namespace {

using delivery::CloseReason;

// Requests read ahead of the one being served, bytes.
constexpr std::size_t kPipelineMax = 64 * 1024;
// A client that has taken so much of a response reads fast: what it may have unsent in the kernel
// rises, which saves wakes, until it stands still or its response is over.
constexpr std::uint64_t kFastAfter = 4 * body::kChunkSize;
// Once a FIN was seen silence must show soon: the kernel's probes come at least this often.
constexpr Duration kHalfClosedRtoMax = std::chrono::seconds(2);

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
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

Http1Session::Http1Session(Home& home, Owner& owner, const ListenSettings& listen, int fd,
                           const net::Address& peer)
    : home_(home),
      owner_(owner),
      listen_(listen),
      conn_(home.loop, fd, peer, *this),
      timer_(home.loop, *this),
      watch_(home.settings.delivery),
      deadline_(after(home.loop.now(), home.settings.idle_timeout)),
      number_(++home.connections) {
  arm();
}

Http1Session::~Http1Session() {
  if (state_ != State::kClosed) close(CloseReason::kDrainTimeout);
}

std::string_view Http1Session::client_host() const {
  if (client_host_.empty()) client_host_ = conn_.peer().host_text();
  return client_host_;
}

bool Http1Session::may_keep() const { return !home_.draining && !conn_.peer_closed(); }

void Http1Session::on_ready(net::Conn&, net::Ready what) {
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
      case State::kLinger:
        more = step_linger();
        break;
      case State::kClosed:
        more = false;
        break;
    }
  }
  in_turn_ = false;
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
  if (!readable_) return false;
  const net::IoResult r = conn_.read(home_.scratch);
  switch (r.state) {
    case net::IoState::kAgain:
      readable_ = false;
      return false;
    case net::IoState::kEnd:
      if (state_ == State::kIdle) {
        watch_.receipts().on_closed_clean(home_.loop.now());
        note_acked(conn_.bytes_written());
      }
      close(state_ == State::kIdle ? CloseReason::kClientClosed : CloseReason::kRequestCut);
      return true;
    case net::IoState::kError:
      gone(r.error);
      return true;
    case net::IoState::kDone:
      break;
  }
  // A short read has drained the socket: the next byte brings a new edge. A FIN that was seen may
  // be part of this edge, so it must be read out.
  readable_ = r.bytes == home_.scratch.size() || conn_.peer_closed();
  return feed_head({reinterpret_cast<const char*>(home_.scratch.data()), r.bytes});
}

bool Http1Session::feed_head(std::string_view in) {
  if (!stream_ && !open_stream()) return true;
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

// The first byte of a request. False: none is taken any more.
bool Http1Session::open_stream() {
  if (home_.draining) {
    close(CloseReason::kDraining);
    return false;
  }
  const TimePoint now = home_.loop.now();
  if (sent_) {
    watch_.receipts().on_request(now);
    settle_receipts();
    if (!sent_) note_acked(conn_.bytes_written());
    if (sent_) settle(std::move(sent_));  // pipelined: what is known is all that will be
  }
  stream_ = home_.streams.take();
  stream_->attach(*this);
  stream_->ending.began = now;
  stream_->patience.begin_head(now);
  state_ = State::kHead;
  return true;
}

// A request that cannot be understood, or did not come in time, is answered and ends the
// connection.
void Http1Session::refuse(Error error) {
  const ErrorInfo& why = info(error);
  http::Fields& fields = stream_->extra();
  fields.add(http::FieldId::kDate, http::print_date(home_.loop.wall_now()));
  fields.add(http::FieldId::kContentType, "text/plain");
  const std::string text = fmt::format("{} {}\n{}: {}\n", why.status,
                                       http::reason_phrase(why.status), why.name, why.text);
  stream_->head().keep_alive = false;
  stream_->ending.error = error;
  home_.stats.refused[static_cast<std::size_t>(error.code)].add();
  why_ = reason_of(error);
  state_ = State::kExchange;
  deadline_ = TimePoint::max();
  // No memory for a few bytes: then the status must do.
  const auto body = body::text_body(home_.source, text);
  const std::uint64_t length = body ? text.size() : 0;
  stream_->reply({.status = why.status, .body = body, .length = length});
}

void Http1Session::turn_away(Error why) {
  if (!open_stream()) return take_turn();
  in_turn_ = true;
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
  }
  return true;
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
  if (state_ == State::kExchange && sender.started()) stream_->note_written(conn_.bytes_written());
  return on;
}

bool Http1Session::put_out() {
  Http1Sender& sender = stream_->sender;
  for (;;) {
    const Http1Sender::Blocked why = sender.pump(conn_);
    if (!fast_ && sender.body_bytes() >= kFastAfter) set_fast(true);
    switch (why) {
      case Http1Sender::Blocked::kSocket:
        watch_.expect(home_.loop.now());
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
    if (r.state == net::IoState::kDone) {
      watch_.receipts().on_request(home_.loop.now());
      pending_.append(reinterpret_cast<const char*>(into.data()), r.bytes);
      continue;
    }
    readable_ = false;
    if (r.state == net::IoState::kError) return gone(r.error);
    if (r.state == net::IoState::kEnd) on_half_close();
    return;
  }
}

void Http1Session::on_half_close() {
  if (std::exchange(half_closed_, true)) return;
  if (listen_.half_close_aborts) return reap(CloseReason::kHalfCloseAbort);
  conn_.set_rto_max(kHalfClosedRtoMax);
  watch_.look_now(home_.loop.now());
}

void Http1Session::finish_exchange() {
  const bool keep = stream_->keep_alive && stream_->intake.whole();
  if (!keep || home_.draining) {
    return begin_linger(home_.draining                   ? CloseReason::kDraining
                        : !stream_->request().keep_alive ? CloseReason::kResponseDone
                        : conn_.peer_closed()            ? CloseReason::kClientClosed
                                                         : CloseReason::kKeepAliveOff);
  }
  stream_->response_over(home_.loop.now());
  sent_ = std::move(stream_);
  set_fast(false);
  state_ = State::kIdle;
  const TimePoint now = home_.loop.now();
  deadline_ = after(now, home_.settings.idle_timeout);
  watch_.expect(now);
}

// ---- the end

void Http1Session::begin_linger(CloseReason why) {
  if (why_ == CloseReason::kOpen) why_ = why;
  stream_->response_over(home_.loop.now());
  if (sent_) settle(std::move(sent_));
  sent_ = std::move(stream_);
  conn_.shutdown_write();
  pending_.clear();
  state_ = State::kLinger;
  deadline_ = TimePoint::max();
  watch_.look_now(home_.loop.now());
}

bool Http1Session::step_linger() {
  while (readable_ && state_ == State::kLinger) {
    const net::IoResult r = conn_.read(home_.scratch);
    if (r.state == net::IoState::kDone) continue;
    readable_ = false;
    if (r.state == net::IoState::kError) gone(r.error);
    if (r.state == net::IoState::kEnd) watch_.look_now(home_.loop.now());
  }
  return state_ == State::kClosed;
}

delivery::Phase Http1Session::phase() const {
  switch (state_) {
    case State::kIdle:
    case State::kClosed:
      return delivery::Phase::kIdle;
    case State::kHead:
      return delivery::Phase::kReading;
    case State::kExchange:
      if (stream_->sender.started()) return delivery::Phase::kSending;
      return stream_->intake.whole() ? delivery::Phase::kAwaitingOrigin : delivery::Phase::kReading;
    case State::kLinger:
      return delivery::Phase::kLingering;
  }
  check_failed("unknown state", __FILE__, __LINE__);
}

// What has the client acknowledged, and may it stay?
void Http1Session::look() {
  const delivery::Decision decision = watch_.look(conn_, phase(), number_, home_.samples);
  note_acked(watch_.acked());
  settle_receipts();
  const TimePoint now = home_.loop.now();
  if (fast_ && watch_.standstill(now) > Duration::zero()) set_fast(false);
  switch (decision.what) {
    case delivery::Decision::What::kKeep:
    case delivery::Decision::What::kProbe:
      return;
    case delivery::Decision::What::kClose:
      if (conn_.peer_closed()) watch_.receipts().on_closed_clean(now);
      return close(decision.reason);
    case delivery::Decision::What::kReap:
      return reap(decision.reason);
  }
}

// The state's own deadline has passed.
void Http1Session::time_out(TimePoint now) {
  deadline_ = TimePoint::max();
  if (state_ == State::kIdle) return close(CloseReason::kIdleTimeout);
  if (state_ == State::kHead) {
    const auto d = stream_->patience.on_head(now, home_.loop.lag());
    deadline_ = d.look_again;
    if (d.reason != CloseReason::kOpen) refuse(Error{Errc::kRequestTimeout});
    return;
  }
  if (state_ != State::kExchange || stream_->intake.whole()) return;
  Http1Intake& intake = stream_->intake;
  const auto d =
      stream_->patience.on_body(now, intake.received(), readable_ == false, home_.loop.lag());
  deadline_ = d.look_again;
  if (d.reason == CloseReason::kOpen) return;
  if (why_ == CloseReason::kOpen) why_ = d.reason;
  intake.give_up(Error{Errc::kRequestTimeout});  // its reader learns it, and answers 408
}

void Http1Session::on_timer(net::Timer&) {
  const TimePoint now = home_.loop.now();
  const State before = state_;
  in_turn_ = true;
  if (now >= watch_.look_at()) look();
  if (state_ != State::kClosed && now >= deadline_) time_out(now);
  in_turn_ = false;
  // A look alone moves nothing: trying to write again would cost more than the sample.
  if (state_ != before) return take_turn();
  arm();
}

void Http1Session::settle_receipts() {
  while (watch_.receipts().take_settled()) {
    if (sent_) settle(std::move(sent_));
  }
}

// The response's line for the log is complete, as far as it will ever be.
void Http1Session::settle(std::unique_ptr<Http1Stream> stream) {
  stream->response_over(home_.loop.now());
  stream->receipt.unlink();
  Ending& ending = stream->ending;
  ending.receipt = stream->receipt.facts();
  ending.connection = number_;
  if (state_ == State::kClosed) ending.close = why_;
  if (stream->handler) {
    stream->handler->on_done(*stream, ending);
  } else {
    home_.service.on_refused(*stream, ending);
  }
  home_.streams.give(std::move(stream));
}

void Http1Session::close(CloseReason why) {
  if (state_ == State::kClosed) return;
  if (why_ == CloseReason::kOpen) why_ = why;
  if (conn_.open() && (sent_ || stream_) && state_ != State::kIdle) {
    watch_.look(conn_, phase(), number_, nullptr);  // the last word on what arrived
    note_acked(watch_.acked());
  }
  if (sent_ && stream_) settle(std::move(sent_));
  state_ = State::kClosed;
  home_.stats.closed[static_cast<std::size_t>(why_)].add();
  if (sent_) settle(std::move(sent_));
  if (stream_) settle(std::move(stream_));
  deadline_ = TimePoint::max();
  timer_.clear();
}

void Http1Session::reap(CloseReason why) {
  why_ = why;
  if (stream_) stream_->ending.error = Error{Errc::kClientStalled};
  close(why);
  conn_.reset();  // a plain close would keep the kernel's memory for minutes (kernel-facts E)
}

// Reset, or timed out by the kernel.
void Http1Session::gone(int error) {
  if (stream_) stream_->ending.error = Error{Errc::kClientGone, error};
  const int why = error != 0 ? error : conn_.failure();
  if (why_ == CloseReason::kOpen || why == ETIMEDOUT) {
    why_ = why == ETIMEDOUT ? CloseReason::kKernelTimeout : CloseReason::kResetByClient;
  }
  close(why_);
}

// A response that cannot be ended rightly must not look as if it were: where only the end of the
// connection marks the end of the body, a reset says it.
void Http1Session::cut(Error error) {
  stream_->ending.error = error;
  const CloseReason why =
      info(error).side == Side::kClient ? CloseReason::kResetByClient : CloseReason::kOriginFailed;
  if (!stream_->sender.cut_is_invisible()) return begin_linger(why);
  close(why);
  conn_.reset();
}

void Http1Session::sacrifice() {
  reap(CloseReason::kPressure);
  owner_.on_session_closed(*this);
}

void Http1Session::drain() {
  if (state_ != State::kIdle) return;
  close(CloseReason::kDraining);
  owner_.on_session_closed(*this);
}

}  // namespace weir::front
