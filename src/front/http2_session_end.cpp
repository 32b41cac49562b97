// Http2Session: who may stay, and how a connection ends. As with HTTP/1 (http1_session_end.cpp)
// what a client is owed is never thrown away by a plain close().

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "front/http2_session.h"

namespace weir::front {
namespace {

using delivery::CloseReason;

constexpr Duration kHalfClosedRtoMax = std::chrono::seconds(2);
constexpr std::size_t kDiscardMost = 1024 * 1024;
constexpr Duration kDiscardRest = std::chrono::milliseconds(20);
// How long requests that were on their way when we said that we go are waited for, where the client
// does not answer a PING.
constexpr Duration kNoticeMost = std::chrono::seconds(1);

// RFC 9113 §6.8, written by hand: nghttp2 cannot be asked any more.
std::array<char, 17> goaway(std::int32_t last, std::uint32_t code) {
  std::array<char, 17> frame{0, 0, 8, NGHTTP2_GOAWAY};
  for (unsigned i = 0; i < 4; ++i) {
    frame[9 + i] = static_cast<char>(static_cast<std::uint32_t>(last) >> (24 - 8 * i));
    frame[13 + i] = static_cast<char>(code >> (24 - 8 * i));
  }
  return frame;
}

}  // namespace

// ---- while it is judged

delivery::Phase Http2Session::phase() const {
  if (state_ == State::kLinger) return delivery::Phase::kLingering;
  if (state_ == State::kClosed) return delivery::Phase::kIdle;
  if (!outbox_.empty()) return delivery::Phase::kSending;
  if (open_.empty()) return delivery::Phase::kIdle;
  bool reading = false;
  for (const Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    if (s->head_out) return delivery::Phase::kSending;
    reading |= s->state == Http2Stream::State::kHead || s->intake.open();
  }
  return reading && !conn_->peer_closed() ? delivery::Phase::kReading
                                          : delivery::Phase::kAwaitingOrigin;
}

// What has the client acknowledged, and may it stay? False: it may not, and the connection is over.
bool Http2Session::look() {
  const delivery::Decision decision = watch_.look(*conn_, phase(), number_, home_.samples);
  note_acked(watch_.acked());
  for (Http2Stream* s = open_.front(); s; s = open_.next(*s)) s->note_acked(watch_.acked());
  if (watch_.standstill(home_.loop.now()) > Duration::zero()) {
    set_fast(false);
    outbox_.let_go();
  }
  switch (decision.what) {
    case delivery::Decision::What::kKeep:
    case delivery::Decision::What::kProbe:
      return true;
    case delivery::Decision::What::kClose:
      if (conn_->peer_closed()) watch_.receipts().on_closed_clean();
      close(decision.reason);
      return false;
    case delivery::Decision::What::kReap:
      reap(decision.reason);
      return false;
  }
  check_failed("unknown decision", __FILE__, __LINE__);
}

void Http2Session::on_timer(net::Timer&) {
  const TimePoint now = home_.loop.now();
  in_turn_ = true;
  bool turn = !serving();
  if (now >= watch_.look_at() && look()) settle_receipts();
  if (now >= rest_at_) rest_at_ = TimePoint::max();
  if (serving()) turn |= time_out(now);
  turn |= state_ == State::kClosed;
  in_turn_ = false;
  // A look alone moves nothing.
  if (turn) return take_turn();
  arm();
}

// One of the session's own deadlines may have passed. Returns whether there is something to do.
bool Http2Session::time_out(TimePoint now) {
  if (now < deadline()) return false;
  if (now >= credit_at_) judge_credit(now);
  reset_unwanted(now);
  if (now >= head_at_) {
    end_now(NGHTTP2_ENHANCE_YOUR_CALM, CloseReason::kRequestTimeout);
  } else if (now >= notice_at_) {
    say_last(CloseReason::kDraining);
  } else if (now >= idle_at_) {
    idle_at_ = TimePoint::max();  // wound anew while it is owed something
    if (unsettled_.empty() || (look() && watch_.queued() == 0)) {
      // Said before, and there is still something that the client has not ended.
      if (state_ == State::kLast) end_now(NGHTTP2_NO_ERROR, CloseReason::kIdleTimeout);
      say_last(CloseReason::kIdleTimeout);
    }
  }
  return true;
}

// Streams with something to send and no credit for it.
void Http2Session::judge_credit(TimePoint now) {
  credit_at_ = TimePoint::max();
  const bool all_shut = nghttp2_session_get_remote_window_size(ng_.get()) <= 0;
  for (Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    if (s->closed || s->waits_body || s->sender.state() != Http2Sender::State::kSending) continue;
    const bool shut =
        all_shut || nghttp2_session_get_stream_remote_window_size(ng_.get(), s->id) <= 0;
    const bool stays = s->credit.on(now, s->sender.body_bytes(), shut, home_.loop.lag());
    if (stays && !(shut && input_over())) continue;
    s->ending.close = CloseReason::kNoCredit;
    s->ending.error = Error{Errc::kClientStalled};
    reset(*s, NGHTTP2_CANCEL);
  }
}

void Http2Session::reset_unwanted(TimePoint now) {
  for (; !unwanted_.empty() && now >= unwanted_.front().reset_at; unwanted_.pop_front()) {
    const std::int32_t id = unwanted_.front().id;
    if (nghttp2_session_get_stream_remote_close(ng_.get(), id) == 0)
      nghttp2_submit_rst_stream(ng_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
}

TimePoint Http2Session::deadline() const {
  if (state_ == State::kLinger) return rest_at_;
  if (!serving()) return TimePoint::max();
  TimePoint at = std::min({idle_at_, head_at_, credit_at_, notice_at_});
  if (!unwanted_.empty()) at = std::min(at, unwanted_.front().reset_at);
  for (const Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    at = std::min(at, s->body_deadline);
  }
  return at;
}

void Http2Session::arm() { timer_.set(std::min(deadline(), watch_.look_at())); }

void Http2Session::set_fast(bool fast) {
  if (fast_ == fast) return;
  fast_ = fast;
  if (!fast) slow_until_ = conn_->bytes_written();
  conn_->set_notsent_lowat(fast ? home_.settings.notsent_lowat_fast
                                : home_.settings.socket.notsent_lowat);
}

void Http2Session::note_acked(std::uint64_t offset) {
  if (offset <= acked_) return;
  home_.stats.acked_bytes.add(offset - acked_);
  acked_ = offset;
}

// No more requests, bodies or credit will come.
void Http2Session::on_half_close() {
  if (listen_->half_close_aborts && input_over()) return reap(CloseReason::kHalfCloseAbort);
  if (std::exchange(half_closed_, true)) return;
  conn_->set_rto_max(kHalfClosedRtoMax);
  watch_.look_now(home_.loop.now());
}

void Http2Session::settle_receipts() {
  Http2Stream* next = nullptr;
  for (Http2Stream* s = unsettled_.front(); s; s = next) {
    next = unsettled_.next(*s);
    if (s->receipt.settled()) settle(*s);
  }
}

// The response's line for the log is complete, as far as it will ever be.
void Http2Session::settle(Http2Stream& stream) {
  Ending& ending = stream.settle(watch_.acked());
  ending.connection = number_;
  if (!serving() && ending.close == CloseReason::kOpen) ending.close = why_;
  if (stream.handler) {
    stream.handler->on_done(stream, ending);
  } else {
    home_.service.on_refused(stream, ending);
  }
  home_.http2_streams.give(stream);
  --unsettled_count_;
}

// ---- how it ends

void Http2Session::drain() {
  if (state_ != State::kOpen) return;
  state_ = State::kNotice;
  notice_at_ = after(home_.loop.now(), kNoticeMost);
  pong_ = false;
  nghttp2_submit_shutdown_notice(ng_.get());
  nghttp2_submit_ping(ng_.get(), NGHTTP2_FLAG_NONE, nullptr);
  take_turn();
}

// The GOAWAY that names the last request; those are still served.
void Http2Session::say_last(CloseReason why) {
  if (!serving() || state_ == State::kLast) return;
  if (why_ == CloseReason::kOpen) why_ = why;
  state_ = State::kLast;
  notice_at_ = TimePoint::max();
  last_ = nghttp2_session_get_last_proc_stream_id(ng_.get());
  nghttp2_submit_goaway(ng_.get(), NGHTTP2_FLAG_NONE, last_, NGHTTP2_NO_ERROR, nullptr, 0);
}

// The client must go, and is told why. nghttp2 is not asked any more.
void Http2Session::end_now(std::uint32_t code, CloseReason why) {
  if (!serving()) return;
  if (why_ == CloseReason::kOpen) why_ = why;
  state_ = State::kFlush;
  cut_all();
  const auto frame = goaway(nghttp2_session_get_last_proc_stream_id(ng_.get()), code);
  outbox_.add_text({frame.data(), frame.size()}, Http2Outbox::Kind::kFraming, nullptr);
}

bool Http2Session::step_flush() {
  while (!outbox_.empty()) {
    const net::IoResult r = outbox_.write(*conn_);
    home_.stats.sent_bytes.add(r.bytes);
    if (r.state == net::IoState::kError) return gone(r.error), true;
    watch_.expect(home_.loop.now());
    if (r.state == net::IoState::kAgain) return false;
  }
  begin_linger(why_);
  return true;
}

// No request is under way and none will come: ends plainly if the client has all, else lingers.
void Http2Session::leave(CloseReason why) {
  if (!unsettled_.empty() && !look()) return;
  if (!outbox_.empty() || watch_.queued() > 0) {
    on_half_close();
    if (why_ == CloseReason::kOpen) why_ = why;
    if (state_ != State::kClosed) state_ = State::kFlush;
    return;
  }
  if (conn_->peer_closed()) {
    watch_.receipts().on_closed_clean();
    note_acked(conn_->bytes_written());
  }
  close(why);
}

void Http2Session::begin_linger(CloseReason why) {
  if (why_ == CloseReason::kOpen) why_ = why;
  state_ = State::kLinger;
  cut_all();
  outbox_.clear();
  conn_->shutdown_write();
  since_ = home_.loop.now();
  rest_at_ = TimePoint::max();
  watch_.look_now(since_);
}

bool Http2Session::step_linger() {
  if (!readable_ || rest_at_ != TimePoint::max()) return false;  // nothing there, or it rests
  const net::IoResult r = conn_->read_discard(kDiscardMost);
  if (r.state == net::IoState::kDone) {
    rest_at_ = after(home_.loop.now(), kDiscardRest);
    return false;
  }
  readable_ = false;
  if (r.state == net::IoState::kError) gone(r.error);
  if (r.state == net::IoState::kEnd) watch_.look_now(home_.loop.now());
  return state_ == State::kClosed;
}

void Http2Session::close(CloseReason why) {
  if (state_ == State::kClosed) return;
  if (why_ == CloseReason::kOpen) why_ = why;
  if ((!unsettled_.empty() || !open_.empty()) && watch_.looked_at() != home_.loop.now()) {
    watch_.look(*conn_, phase(), number_, home_.samples);  // the last word on what arrived
    note_acked(watch_.acked());
  }
  watch_.end(*conn_, number_, why_, home_.samples);
  state_ = State::kClosed;
  home_.stats.closed[static_cast<std::size_t>(why_)].add();
  cut_all();
  while (Http2Stream* stream = unsettled_.front()) settle(*stream);
  outbox_.clear();
  timer_.clear();
}

void Http2Session::reap(CloseReason why) {
  why_ = why;
  for (Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    if (!s->ending.error) s->ending.error = Error{Errc::kClientStalled};
  }
  close(why);
  conn_->reset();  // a plain close would keep the kernel's memory for minutes (kernel-facts E)
}

// Reset, timed out by the kernel, or a record of TLS was bad.
void Http2Session::gone(int error) {
  const int why = error != 0 ? error : conn_->failure();
  if (why_ == CloseReason::kOpen || why == ETIMEDOUT) {
    why_ = why == ETIMEDOUT ? CloseReason::kKernelTimeout
           : why == EPROTO  ? CloseReason::kTlsFailed
                            : CloseReason::kResetByClient;
  }
  close(why_);
}

// ---- what Frontend decides

TimePoint Http2Session::useless_since() const {
  // Heads that do not come whole are no use, either.
  bool waits = outbox_.empty() && watch_.queued() == 0;
  for (const Http2Stream* s = open_.front(); s && waits; s = open_.next(*s)) {
    waits = s->state == Http2Stream::State::kHead;
  }
  return waits ? since_ : TimePoint::max();
}

bool Http2Session::give_way() {
  in_turn_ = true;
  const bool stays = unsettled_.empty() || look();
  if (stays && watch_.queued() == 0) close(CloseReason::kPressure);
  in_turn_ = false;
  if (state_ != State::kClosed) {
    arm();
    return false;
  }
  owner_.on_session_closed(*this);
  return true;
}

void Http2Session::sacrifice() {
  reap(CloseReason::kPressure);
  owner_.on_session_closed(*this);
}

}  // namespace weir::front
