// Http1Session: who may stay, and how a connection ends. What a client is owed is never thrown away
// by a plain close(): its last bytes may still be in the kernel, which then drops them after a
// while of its own choice, or at once when unread input turns the close into a reset (kernel-facts
// E, G).

#include <algorithm>
#include <cerrno>

#include "front/http1_session.h"

namespace weir::front {
namespace {

using delivery::CloseReason;

// Once a FIN was seen silence must show soon: the kernel's probes come at least this often.
constexpr Duration kHalfClosedRtoMax = std::chrono::seconds(2);
// A client that goes on sending after our FIN has so much read at a time, then rests: others have
// their turns too. 50 MB/s.
constexpr std::size_t kDiscardMost = 1024 * 1024;
constexpr Duration kDiscardRest = std::chrono::milliseconds(20);
// A head that takes longer is no reason to turn others away.
constexpr Duration kHeadGrace = std::chrono::seconds(2);

}  // namespace

// ---- while it is judged

delivery::Phase Http1Session::phase() const {
  switch (state_) {
    case State::kIdle:
    case State::kClosed:
    case State::kHttp2:
      return delivery::Phase::kIdle;
    case State::kHead:
      return delivery::Phase::kReading;
    case State::kExchange:
      if (stream_->sender.started()) return delivery::Phase::kSending;
      // After the FIN the rest of a body is in the kernel already: it is the origin that is slow.
      return stream_->intake.whole() || conn_.peer_closed() ? delivery::Phase::kAwaitingOrigin
                                                            : delivery::Phase::kReading;
    case State::kLine:
      return delivery::Phase::kSending;
    case State::kLinger:
      return delivery::Phase::kLingering;
  }
  check_failed("unknown state", __FILE__, __LINE__);
}

// What has the client acknowledged, and may it stay? False: it may not, and the connection is over.
bool Http1Session::look() {
  const delivery::Decision decision = watch_.look(conn_, phase(), number_, home_.samples);
  note_acked(watch_.acked());
  const TimePoint now = home_.loop.now();
  if (fast_ && watch_.standstill(now) > Duration::zero()) set_fast(false);
  switch (decision.what) {
    case delivery::Decision::What::kKeep:
    case delivery::Decision::What::kProbe:
      if (state_ == State::kIdle) wind_idle_clock(now);
      if (!cutting_ || watch_.queued() > 0 || (conn_.tls() && conn_.tls()->pending())) return true;
      close(why_);
      return false;
    case delivery::Decision::What::kClose:
      if (conn_.peer_closed()) watch_.receipts().on_closed_clean();
      close(decision.reason);
      return false;
    case delivery::Decision::What::kReap:
      reap(decision.reason);
      return false;
  }
  check_failed("unknown decision", __FILE__, __LINE__);
}

// An idle connection's clock runs while nothing is owed; until then Patience alone judges it.
void Http1Session::wind_idle_clock(TimePoint now) {
  if (watch_.queued() > 0) {
    deadline_ = TimePoint::max();
  } else if (deadline_ == TimePoint::max()) {
    since_ = now;
    deadline_ = after(now, home_.settings.idle_timeout);
  }
}

void Http1Session::on_timer(net::Timer&) {
  const TimePoint now = home_.loop.now();
  const State before = state_;
  in_turn_ = true;
  if (now >= watch_.look_at() && look()) settle_receipts();
  if (state_ != State::kClosed && now >= deadline_) time_out(now);
  in_turn_ = false;
  // A look alone moves nothing: trying to write again would cost more than the sample.
  if (state_ != before || state_ == State::kLinger) return take_turn();
  arm();
}

// The state's own deadline has passed.
void Http1Session::time_out(TimePoint now) {
  switch (state_) {
    case State::kIdle:
      if (shaking())
        return close(conn_.introducing() ? CloseReason::kProxyHeader : CloseReason::kTlsTimeout);
      if (sent_ && !look()) return;
      if (now < deadline_) return;  // the look found a debt
      end_idle(preface_ == 0 ? CloseReason::kIdleTimeout : CloseReason::kRequestTimeout);
      return;
    case State::kHead: {
      const auto d = stream_->patience.on_head(now, home_.loop.lag());
      deadline_ = d.look_again;
      if (d.reason != CloseReason::kOpen) refuse(Error{Errc::kRequestTimeout});
      return;
    }
    case State::kExchange:
      deadline_ = TimePoint::max();
      if (!stream_->intake.whole()) time_out_body(now);
      return;
    case State::kLinger:
      deadline_ = TimePoint::max();  // it has rested
      return;
    case State::kLine:
    case State::kClosed:
    case State::kHttp2:
      return;
  }
}

void Http1Session::time_out_body(TimePoint now) {
  Http1Intake& intake = stream_->intake;
  const auto d =
      stream_->patience.on_body(now, intake.received(), readable_ == false, home_.loop.lag());
  deadline_ = d.look_again;
  if (d.reason == CloseReason::kOpen) return;
  if (why_ == CloseReason::kOpen) why_ = d.reason;
  intake.give_up(Error{Errc::kRequestTimeout});  // its reader learns it, and answers 408
}

// A FIN was seen while something was to be sent, perhaps with input unread before it.
void Http1Session::on_half_close() {
  if (listen_->half_close_aborts && input_over()) return reap(CloseReason::kHalfCloseAbort);
  judge_half_closed();
}

void Http1Session::judge_half_closed() {
  if (std::exchange(half_closed_, true)) return;
  conn_.set_rto_max(kHalfClosedRtoMax);
  watch_.look_now(home_.loop.now());
}

// ---- Linger

// Between requests it ends, unless one is here already that no event has told of yet: that is
// served.
void Http1Session::end_idle(CloseReason why) {
  readable_ = true;
  while (state_ == State::kIdle && step_head()) {
  }
  if (state_ == State::kIdle) leave(why);
}

// No request is under way and none will come: ends plainly if the client has all, else lingers.
void Http1Session::leave(CloseReason why) {
  if ((sent_ || stream_) && !look()) return;
  if (watch_.queued() > 0) {
    if (conn_.peer_closed()) on_half_close();
    if (state_ != State::kClosed) begin_linger(why);
    return;
  }
  if (conn_.peer_closed()) {
    watch_.receipts().on_closed_clean();
    note_acked(conn_.bytes_written());
  }
  close(why);
}

void Http1Session::begin_linger(CloseReason why) {
  if (why_ == CloseReason::kOpen) why_ = why;
  const TimePoint now = home_.loop.now();
  if (stream_) {
    stream_->response_over(now);
    if (sent_) settle(std::move(sent_));
    sent_ = std::move(stream_);
  }
  end_output();
  pending_.clear();
  state_ = State::kLinger;
  since_ = now;
  deadline_ = TimePoint::max();
  watch_.look_now(now);
}

// The client gets what it was sent, and then a reset.
void Http1Session::begin_cut(CloseReason why) {
  cutting_ = output_ended_ = true;
  begin_linger(why);
}

bool Http1Session::step_linger() {
  if (!readable_ || deadline_ != TimePoint::max()) return false;  // nothing there, or it rests
  const net::IoResult r = conn_.read_discard(kDiscardMost);
  if (r.state == net::IoState::kDone) {
    deadline_ = after(home_.loop.now(), kDiscardRest);
    return false;
  }
  readable_ = false;
  if (r.state == net::IoState::kError) gone(r.error);
  if (r.state == net::IoState::kEnd) watch_.look_now(home_.loop.now());
  return state_ == State::kClosed;
}

// ---- Closed

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
  if (state_ == State::kClosed || stream->line) ending.close = why_;
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
  end_handshake();
  if ((sent_ || stream_) && watch_.looked_at() != home_.loop.now()) {
    watch_.look(conn_, phase(), number_, home_.samples);  // the last word on what arrived
    note_acked(watch_.acked());
  }
  watch_.end(conn_, number_, why_, home_.samples);
  // Whatever ends it here, it has not ended in order.
  if (state_ == State::kLine || (state_ == State::kExchange && stream_->sender.cut_is_invisible()))
    cutting_ = true;
  if (sent_ && stream_) settle(std::move(sent_));
  state_ = State::kClosed;
  home_.stats.closed[static_cast<std::size_t>(why_)].add();
  if (sent_) settle(std::move(sent_));
  if (stream_) settle(std::move(stream_));
  deadline_ = TimePoint::max();
  timer_.clear();
  if (cutting_) conn_.reset();
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
    why_ = why == ETIMEDOUT                       ? CloseReason::kKernelTimeout
           : why == EBADMSG                       ? CloseReason::kProxyHeader
           : conn_.introducing()                  ? CloseReason::kRequestCut
           : why == EPROTO || conn_.handshaking() ? CloseReason::kTlsFailed
                                                  : CloseReason::kResetByClient;
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

// ---- what Frontend decides

void Http1Session::drain() {
  if (state_ != State::kIdle) return;
  in_turn_ = true;
  end_idle(CloseReason::kDraining);
  in_turn_ = false;
  take_turn();
}

TimePoint Http1Session::useless_since() const {
  const bool waits = state_ == State::kIdle || state_ == State::kLinger ||
                     (state_ == State::kHead && home_.loop.now() - since_ >= kHeadGrace);
  return waits && watch_.queued() == 0 ? since_ : TimePoint::max();
}

bool Http1Session::give_way() {
  in_turn_ = true;
  const bool stays = (!sent_ && !stream_) || look();
  if (stays && watch_.queued() == 0) close(CloseReason::kPressure);
  in_turn_ = false;
  if (state_ != State::kClosed) {
    arm();
    return false;
  }
  owner_.on_session_closed(*this);
  return true;
}

void Http1Session::end_handshake() {
  if (!shaking()) return;
  handshake_.unlink();
  --home_.handshake_count;
}

void Http1Session::give_up_handshake() {
  close(CloseReason::kTlsCrowded);
  owner_.on_session_closed(*this);
}

void Http1Session::sacrifice() {
  reap(CloseReason::kPressure);
  owner_.on_session_closed(*this);
}

}  // namespace weir::front
