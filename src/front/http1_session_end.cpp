// Http1Session: who may stay, and how a connection ends.

#include <cerrno>

#include "front/http1_session.h"

namespace weir::front {
namespace {

using delivery::CloseReason;

}  // namespace

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
