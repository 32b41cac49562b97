#include "front/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cerrno>

#include "front/http2_codec.h"
#include "front/refusal.h"

namespace weir::front {
namespace {

using delivery::CloseReason;

constexpr std::uint64_t kTurnMax = body::kChunkSize;
constexpr int kReadsATurn = 4;
// How long a client may take to see that its answer is whole and to end the request by itself.
constexpr Duration kUnwantedGrace = std::chrono::seconds(1);
// A client that has taken so much since it last stood still reads fast.
constexpr std::uint64_t kFastAfter = 4 * body::kChunkSize;
// Responses whose arrival is not known: from so many on the kernel is asked at once, and of more
// than that many the oldest are told to the log with what is known.
constexpr std::size_t kUnsettledLook = 64;
constexpr std::size_t kUnsettledMost = 1024;
// Frames of control that wait to be sent.
constexpr std::size_t kFramesMost = 2048;

}  // namespace

Http2Session::Http2Session(Home& home, Owner& owner, std::shared_ptr<const ListenSettings> listen,
                           std::unique_ptr<net::Conn> conn, std::uint64_t number)
    : home_(home),
      owner_(owner),
      listen_(std::move(listen)),
      conn_(std::move(conn)),
      timer_(home.loop, *this),
      turn_(*this),
      ng_(open_http2(*this, home.settings)),
      watch_(home.settings.delivery),
      since_(home.loop.now()),
      number_(number) {
  conn_->set_owner(*this);
  watch_.receipts().on_pipelined();  // what a next request says of others is nothing
}

Http2Session::~Http2Session() {
  if (state_ != State::kClosed) close(CloseReason::kDrainTimeout);
  home_.loop.cancel(turn_);
}

void Http2Session::begin(std::string_view read) {
  in_turn_ = true;
  // Our SETTINGS come before all else, even before a GOAWAY for what was read (RFC 9113 §3.4).
  if (fill() && feed(read) && home_.draining) drain();
  in_turn_ = false;
  take_turn();
}

std::string_view Http2Session::client_host() const {
  if (client_host_.empty()) client_host_ = conn_->peer().host_text();
  return client_host_;
}

void Http2Session::on_ready(net::Conn&, net::Ready what) {
  if (what.readable || what.closed) readable_ = true;
  take_turn();
}

void Http2Session::take_turn() {
  if (in_turn_) return;
  in_turn_ = true;
  bool more = true;
  while (more) {
    switch (state_) {
      case State::kOpen:
      case State::kNotice:
      case State::kLast:
        more = step_serve();
        break;
      case State::kFlush:
        more = step_flush();
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

// ---- Open, Notice, Last

bool Http2Session::step_serve() {
  read_input();
  if (!serving()) return true;
  if (state_ == State::kNotice && pong_) say_last(CloseReason::kDraining);
  begin_requests();
  visit_streams();
  pump();
  if (!serving()) return true;
  finish_streams();
  if (!serving() || end_if_over()) return true;
  if (conn_->peer_closed()) on_half_close();
  wind_clocks();
  return !serving();
}

void Http2Session::read_input() {
  for (int i = 0; readable_ && i < kReadsATurn; ++i) {
    const net::IoResult r = conn_->read(home_.scratch);
    // A short read has drained the socket: what comes later is a new edge.
    readable_ = r.state == net::IoState::kDone && r.bytes == home_.scratch.size();
    if (r.state == net::IoState::kError) return gone(r.error);
    if (r.state != net::IoState::kDone) break;
    if (!feed({reinterpret_cast<const char*>(home_.scratch.data()), r.bytes})) return;
  }
  if (readable_) post();  // others have their turns too
}

// False: the connection is over.
bool Http2Session::feed(std::string_view in) {
  const ssize_t n = nghttp2_session_mem_recv(
      ng_.get(), reinterpret_cast<const std::uint8_t*>(in.data()), in.size());
  if (calm_ != CloseReason::kOpen || n == NGHTTP2_ERR_FLOODED) {
    end_now(calm_ == CloseReason::kHttp2Error ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM,
            calm_ != CloseReason::kOpen ? calm_ : CloseReason::kControlFlood);
    return false;
  }
  if (n < 0) {
    end_now(NGHTTP2_PROTOCOL_ERROR, CloseReason::kHttp2Error);
    return false;
  }
  // What a client provokes waits as long as it takes nothing: RST_STREAM for each stream too many.
  if (nghttp2_session_get_outbound_queue_size(ng_.get()) > kFramesMost) {
    end_now(NGHTTP2_ENHANCE_YOUR_CALM, CloseReason::kControlFlood);
    return false;
  }
  return true;
}

// A head is whole; its turn comes when all that was read with it is parsed, so that a request that
// was reset at once costs nobody anything.
void Http2Session::arrive(Http2Stream& stream, bool ends) {
  head_at_ = TimePoint::max();
  home_.stats.streams.add();
  const TimePoint now = home_.loop.now();
  http::Request& head = stream.head();
  if (const auto error = stream.fields.finish(ends, head)) return refuse(stream, *error);
  if (head.length > body::kMaxTotal) return refuse(stream, Error{Errc::kBodyTooLarge});
  stream.intake.start(head, home_.source, home_.settings.body_window, stream);
  if (ends) {
    stream.intake.end();
  } else {
    stream.body_deadline = stream.patience.begin_body(now, 0).look_again;
  }
  stream.state = Http2Stream::State::kArrived;
  ++arrived_;
}

void Http2Session::refuse(Http2Stream& stream, Error why) {
  stream.state = Http2Stream::State::kServing;
  stream.ending.error = why;
  home_.stats.refused[static_cast<std::size_t>(why.code)].add();
  if (Http2Head::is_malformed(why)) return reset(stream, NGHTTP2_PROTOCOL_ERROR);
  stream.reply(refusal(why, home_.loop.wall_now(), home_.source, stream.extra()));
}

void Http2Session::begin_requests() {
  Http2Stream* next = nullptr;
  for (Http2Stream* s = open_.front(); s && arrived_ > 0; s = next) {
    next = open_.next(*s);
    if (s->state != Http2Stream::State::kArrived) continue;
    --arrived_;
    s->state = Http2Stream::State::kServing;
    if (s->closed) continue;
    // It came before the client could hear of our GOAWAY, which says that it may be repeated.
    if (s->id > last_) {
      s->ending.error = Error{Errc::kDraining};
      reset(*s, NGHTTP2_REFUSED_STREAM);
      continue;
    }
    s->handler = &home_.service.begin();
    s->handler->on_request(*s);
    if (s->request().expect_continue && s->intake.open()) s->inform(100, {});
  }
}

// What others woke us for, and how the bodies of requests get on.
void Http2Session::visit_streams() {
  const TimePoint now = home_.loop.now();
  for (Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    if (s->take_wake()) {
      if (s->waits_body && !s->closed) {
        s->waits_body = false;
        nghttp2_session_resume_data(ng_.get(), s->id);
      }
      credit(*s, s->intake.go_on());
    }
    if (s->intake.open()) visit_body(*s, now);
  }
}

void Http2Session::visit_body(Http2Stream& stream, TimePoint now) {
  Error why{Errc::kClientBodyCut};
  if (!input_over()) {
    // Siblings may have used the connection's window up: then this one cannot send either.
    const bool may_send = nghttp2_session_get_effective_recv_data_length(ng_.get()) <
                          nghttp2_session_get_effective_local_window_size(ng_.get());
    const auto d = stream.patience.on_body(now, stream.intake.received(),
                                           !stream.intake.stuck() && may_send, home_.loop.lag());
    stream.body_deadline = d.look_again;
    if (d.reason == CloseReason::kOpen) return;
    stream.ending.close = d.reason;
    why = Error{Errc::kRequestTimeout};  // its reader learns it, and answers 408
  }
  const std::uint64_t waiting = stream.intake.uncredited();
  stream.intake.give_up(why);
  credit(stream, waiting);
  stream.body_deadline = TimePoint::max();
}

void Http2Session::credit(Http2Stream& stream, std::size_t bytes) {
  if (bytes == 0) return;
  if (stream.closed) {
    nghttp2_session_consume_connection(ng_.get(), bytes);
  } else {
    nghttp2_session_consume(ng_.get(), stream.id, bytes);
  }
}

void Http2Session::reset(Http2Stream& stream, std::uint32_t code) {
  if (!stream.closed) nghttp2_submit_rst_stream(ng_.get(), NGHTTP2_FLAG_NONE, stream.id, code);
}

// ---- output

// Puts out what there is, as far as the kernel takes it.
void Http2Session::pump() {
  std::uint64_t turn = 0;
  for (;;) {
    if (outbox_.empty() && !fill()) return;
    if (outbox_.empty()) return;
    const net::IoResult r = outbox_.write(*conn_);
    home_.stats.sent_bytes.add(r.bytes);
    note_written();
    if (r.state == net::IoState::kError) return gone(r.error);
    watch_.expect(home_.loop.now());
    if (!fast_ && conn_->bytes_written() >= slow_until_ + kFastAfter) set_fast(true);
    if (r.state == net::IoState::kAgain) return;
    turn += r.bytes;
    if (turn >= kTurnMax) return post();
  }
}

// Fills the outbox from nghttp2. False: the connection is over.
bool Http2Session::fill() {
  ssize_t n = 0;
  while (outbox_.bytes() < batch()) {
    const std::uint8_t* data = nullptr;
    n = nghttp2_session_mem_send(ng_.get(), &data);
    if (n <= 0 || calm_ != CloseReason::kOpen) break;
    const std::string_view text(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    const auto kind = heading_ ? Http2Outbox::Kind::kHead : Http2Outbox::Kind::kFraming;
    outbox_.add_text(text, kind, heading_ ? &heading_->out : nullptr);
  }
  heading_ = nullptr;
  for (Http2Stream* s = open_.front(); s; s = open_.next(*s)) s->sender.drop_lease();
  if (calm_ != CloseReason::kOpen) {
    end_now(NGHTTP2_ENHANCE_YOUR_CALM, calm_);
  } else if (n < 0) {
    end_now(NGHTTP2_INTERNAL_ERROR, CloseReason::kServerError);
  }
  return serving();
}

void Http2Session::note_written() {
  for (Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    if (s->out.moved) s->note_written(conn_->bytes_written());
  }
}

// ---- the end of streams

void Http2Session::finish_streams() {
  Http2Stream* next = nullptr;
  for (Http2Stream* s = open_.front(); s; s = next) {
    next = open_.next(*s);
    const bool all = s->head_out && s->sender.state() == Http2Sender::State::kDone;
    if (all && s->out.queued == 0) {
      finish(*s);
    } else if (s->closed && !all) {
      cut(*s);
    }
  }
  if (unsettled_count_ < kUnsettledLook) return;
  if (watch_.looked_at() != home_.loop.now() && !look()) return;
  settle_receipts();
  while (unsettled_count_ > kUnsettledMost) settle(*unsettled_.front());
}

// All of the response was handed to the kernel. What is still to come of the request is not wanted
// (RFC 9113 §8.1).
void Http2Session::finish(Http2Stream& stream) {
  credit(stream, stream.intake.uncredited());
  if (!stream.closed) {
    if (nghttp2_session_get_stream_remote_close(ng_.get(), stream.id) == 0)
      unwanted_.push_back({stream.id, after(home_.loop.now(), kUnwantedGrace)});
    nghttp2_session_set_stream_user_data(ng_.get(), stream.id, nullptr);
  }
  stream.response_over(home_.loop.now());
  stream.unlink();
  unsettled_.push_back(stream);
  ++unsettled_count_;
}

// It ended before its response did.
void Http2Session::cut(Http2Stream& stream) {
  if (stream.state == Http2Stream::State::kArrived) --arrived_;
  if (!stream.ending.error) {
    stream.ending.error = stream.by_client ? Error{Errc::kClientGone}
                          : stream.sender.state() == Http2Sender::State::kFailed
                              ? stream.sender.error()
                              : Error{Errc::kBadRequest};
    if (stream.state == Http2Stream::State::kHead)
      home_.stats.refused[static_cast<std::size_t>(stream.ending.error->code)].add();
  }
  credit(stream, stream.intake.uncredited());
  const bool arrived = stream.out.head + stream.out.body > 0;
  if (arrived && serving() && watch_.looked_at() != home_.loop.now()) {
    watch_.look(*conn_, phase(), number_, nullptr);  // the last word on what arrived
    note_acked(watch_.acked());
  }
  outbox_.forget(stream.out);
  stream.response_over(home_.loop.now());
  stream.unlink();
  unsettled_.push_back(stream);
  ++unsettled_count_;
  settle(stream);
}

void Http2Session::cut_all() {
  while (Http2Stream* stream = open_.front()) {
    if (!stream->closed) nghttp2_session_set_stream_user_data(ng_.get(), stream->id, nullptr);
    stream->closed = true;
    if (!stream->ending.error) stream->ending.error = Error{Errc::kClientGone};
    cut(*stream);
  }
}

// No stream is left and none will come, or nghttp2 has given the connection up.
bool Http2Session::end_if_over() {
  if (outbox_.empty() && nghttp2_session_want_read(ng_.get()) == 0 &&
      nghttp2_session_want_write(ng_.get()) == 0) {
    begin_linger(client_leaves_ ? CloseReason::kClientClosed : CloseReason::kHttp2Error);
    return true;
  }
  if (!open_.empty() || !input_over()) return false;
  leave(CloseReason::kClientClosed);
  return true;
}

void Http2Session::wind_clocks() {
  const TimePoint now = home_.loop.now();
  if (!open_.empty()) {
    idle_at_ = TimePoint::max();
  } else if (idle_at_ == TimePoint::max()) {
    since_ = now;
    idle_at_ = after(now, home_.settings.idle_timeout);
  }
  bool sending = false;
  for (Http2Stream* s = open_.front(); s && !sending; s = open_.next(*s)) {
    sending = s->sender.state() == Http2Sender::State::kSending && !s->waits_body && !s->closed;
  }
  if (!sending) {
    credit_at_ = TimePoint::max();
  } else if (credit_at_ == TimePoint::max()) {
    credit_at_ = after(now, home_.settings.delivery.look_every);
  }
}

}  // namespace weir::front
