#include "front/http1_session.h"

#include <fmt/format.h>

#include "body/text_body.h"
#include "http/date.h"
#include "net/tcp_sampler.h"

namespace weir::front {
namespace {

// Requests read ahead of the one being served, bytes.
constexpr std::size_t kPipelineMax = 64 * 1024;
// A client that has taken so much of a response reads fast: what it may have unsent in the kernel
// rises, which saves wakes, until it stands still or its response is over.
constexpr std::uint64_t kFastAfter = 4 * body::kChunkSize;
// How often a connection that only waits for its last acknowledgement is looked at: there is no
// event for it (kernel-facts F).
constexpr Duration kLingerLook = std::chrono::milliseconds(100);

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

Http1Session::Http1Session(Home& home, Owner& owner, int fd, const net::Address& peer)
    : home_(home),
      owner_(owner),
      conn_(home.loop, fd, peer, *this),
      timer_(home.loop, *this),
      stall_(home.settings.stall_timeout) {
  timer_.set(after(home.loop.now(), home.settings.idle_timeout));
}

Http1Session::~Http1Session() {
  if (stream_) end_stream(Error{Errc::kDraining});
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
  if (state_ == State::kClosed) owner_.on_session_closed(*this);
}

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
    case net::IoState::kError:
      close(Error{Errc::kClientGone, r.error});
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
  const TimePoint now = home_.loop.now();
  if (!stream_) {
    if (home_.draining) {
      close(Error{Errc::kDraining});
      return true;
    }
    stream_ = home_.streams.take();
    stream_->attach(*this);
    stream_->ending.began = phase_began_ = now;
    state_ = State::kHead;
  }
  const auto step = stream_->parser.feed(in, stream_->head());
  if (!step) {
    refuse(step.error());
    return true;
  }
  if (!step->complete) {
    timer_.set(after(phase_began_, home_.settings.head_timeout));
    return true;
  }
  if (stream_->head().length > body::kMaxTotal) {
    refuse(Error{Errc::kBodyTooLarge});
    return true;
  }
  begin_exchange(in.substr(step->used));
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
  state_ = State::kExchange;
  // No memory for a few bytes: then the status must do.
  const auto body = body::text_body(home_.source, text);
  const std::uint64_t length = body ? text.size() : 0;
  stream_->reply({.status = why.status, .body = body, .length = length});
}

void Http1Session::begin_exchange(std::string_view rest) {
  state_ = State::kExchange;
  phase_began_ = home_.loop.now();
  timer_.set(after(phase_began_, home_.settings.idle_timeout));
  Http1Stream& stream = *stream_;
  stream.intake.start(stream.head(), home_.source, home_.settings.body_window, stream);
  const std::size_t used = stream.intake.feed(bytes_of(rest));
  pending_.assign(rest.substr(used));
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
  const bool over =
      stream_->sender.state() == Http1Sender::State::kDone && !stream_->sender.pending();
  if (over) return finish_exchange();
  watch_client();
  return state_ != State::kExchange;
}

// The request body. False: the connection is over.
bool Http1Session::take_body() {
  Http1Intake& intake = stream_->intake;
  if (intake.state() != Http1Intake::State::kReading) return true;
  const std::uint64_t before = intake.received();
  if (!pending_.empty()) pending_.erase(0, intake.feed(bytes_of(pending_)));
  if (pending_.empty() && readable_) {
    switch (intake.pull(conn_, home_.scratch, pending_)) {
      case Http1Intake::Pull::kDrained:
        readable_ = false;
        break;
      case Http1Intake::Pull::kNoRoom:
      case Http1Intake::Pull::kEnded:
        break;
      case Http1Intake::Pull::kGone:
        close(Error{Errc::kClientGone});
        return false;
    }
  }
  if (intake.received() != before) phase_began_ = home_.loop.now();
  if (intake.state() == Http1Intake::State::kReading) {
    timer_.set(after(phase_began_, home_.settings.body_timeout));
  }
  return true;
}

// Puts out what there is. False: wait for an event, or the connection is over (see state_).
bool Http1Session::send() {
  Http1Sender& sender = stream_->sender;
  for (;;) {
    if (!sender.started() && !sender.pending()) return true;
    const Http1Sender::Blocked why = sender.pump(conn_);
    if (sender.started() && stream_->ending.first_byte == TimePoint{}) {
      stream_->ending.first_byte = home_.loop.now();
    }
    if (!fast_ && sender.body_bytes() >= kFastAfter) set_fast(true);
    switch (why) {
      case Http1Sender::Blocked::kSocket:
        timer_.set(std::min(timer_.deadline(), after(home_.loop.now(), std::chrono::seconds(1))));
        watch_client();
        return false;
      case Http1Sender::Blocked::kConn:
        close(Error{Errc::kClientGone});
        return false;
      case Http1Sender::Blocked::kTurnOver:
        stream_->wake();
        watch_client();
        return false;
      case Http1Sender::Blocked::kHole:
        if (const auto cut = stream_->handler->on_hole(*stream_, sender.hole())) {
          abort(*cut);
          return false;
        }
        continue;
      case Http1Sender::Blocked::kBody:
      case Http1Sender::Blocked::kNo:
        break;
    }
    if (sender.state() == Http1Sender::State::kFailed) {
      abort(sender.error());
      return false;
    }
    return true;
  }
}

void Http1Session::set_fast(bool fast) {
  if (fast_ == fast) return;
  fast_ = fast;
  conn_.set_notsent_lowat(fast ? home_.settings.notsent_lowat_fast
                               : home_.settings.socket.notsent_lowat);
}

// The client may pipeline, half-close (it is served all the same) or reset while it waits.
void Http1Session::watch_client() {
  while (readable_ && stream_->intake.state() != Http1Intake::State::kReading &&
         pending_.size() < kPipelineMax) {
    const auto into = home_.scratch.first(std::min(home_.scratch.size(), kPipelineMax));
    const net::IoResult r = conn_.read(into);
    if (r.state == net::IoState::kDone) {
      pending_.append(reinterpret_cast<const char*>(into.data()), r.bytes);
      continue;
    }
    readable_ = false;
    if (r.state == net::IoState::kError) close(Error{Errc::kClientGone, r.error});
    return;
  }
}

bool Http1Session::finish_exchange() {
  if (!stream_->keep_alive || !stream_->intake.whole() || home_.draining) {
    begin_linger();
    return true;
  }
  end_stream({});
  set_fast(false);
  state_ = State::kIdle;
  timer_.set(after(home_.loop.now(), home_.settings.idle_timeout));
  return true;
}

// ---- the end

void Http1Session::begin_linger() {
  end_stream(stream_->ending.error);
  conn_.shutdown_write();
  pending_.clear();
  state_ = State::kLinger;
  phase_began_ = home_.loop.now();
  timer_.set(after(phase_began_, kLingerLook));
}

bool Http1Session::step_linger() {
  while (readable_) {
    const net::IoResult r = conn_.read(home_.scratch);
    if (r.state == net::IoState::kDone) continue;
    readable_ = false;
    if (r.state == net::IoState::kError) close({});
    if (r.state == net::IoState::kEnd) watch_delivery(home_.loop.now());
  }
  return false;
}

// On the timer: who acknowledges nothing for stall_timeout while data is owed is let go, and a
// lingering connection ends once its tail has arrived.
void Http1Session::watch_delivery(TimePoint now) {
  const auto tcp = net::sample_tcp(conn_.fd());
  if (!tcp) return close(Error{Errc::kClientGone});
  const delivery::Verdict verdict =
      stall_.on({now, tcp->bytes_acked, tcp->queued, home_.loop.lag()});
  if (verdict.patience == delivery::Patience::kStalled) return abort(Error{Errc::kClientStalled});
  if (state_ == State::kExchange) {
    if (stall_.standstill(now) > Duration::zero()) set_fast(false);
    if (verdict.look_again != TimePoint::max()) timer_.set(verdict.look_again);
    return;
  }
  const bool delivered = tcp->queued == 0;
  const bool waited = now >= after(phase_began_, home_.settings.linger_timeout);
  if (delivered && (conn_.peer_closed() || waited)) return close({});
  timer_.set(after(now, kLingerLook));
}

void Http1Session::end_stream(std::optional<Error> error) {
  if (!stream_) return;
  Ending& ending = stream_->ending;
  const Http1Sender& sender = stream_->sender;
  ending.complete = sender.state() == Http1Sender::State::kDone && !sender.pending();
  ending.error = error;
  ending.head_bytes = sender.head_bytes();
  ending.body_bytes = sender.body_bytes();
  ending.ended = home_.loop.now();
  if (stream_->handler) {
    stream_->handler->on_done(*stream_, ending);
  } else if (state_ != State::kHead || error) {
    home_.service.on_refused(*stream_, error.value_or(Error{Errc::kClientGone}), ending);
  }
  home_.streams.give(std::move(stream_));
}

void Http1Session::close(std::optional<Error> error) {
  end_stream(error);
  timer_.clear();
  state_ = State::kClosed;
}

// A response that cannot be ended rightly must not look as if it were: where only the end of the
// connection marks the end of the body, a reset says it.
void Http1Session::abort(Error error) {
  const bool reset =
      error.code == Errc::kClientStalled || (stream_ && stream_->sender.cut_is_invisible());
  if (!reset && stream_) {
    stream_->ending.error = error;
    return begin_linger();
  }
  end_stream(error);
  conn_.reset();
  close(error);
}

void Http1Session::drain() {
  if (state_ != State::kIdle) return;
  close({});
  owner_.on_session_closed(*this);
}

void Http1Session::on_timer(net::Timer&) {
  const TimePoint now = home_.loop.now();
  in_turn_ = true;
  switch (state_) {
    case State::kIdle:
      close({});
      break;
    case State::kHead:
      refuse(Error{Errc::kRequestTimeout});
      break;
    case State::kExchange:
      if (stream_->intake.state() == Http1Intake::State::kReading &&
          now >= after(phase_began_, home_.settings.body_timeout) && !stream_->sender.started()) {
        stream_->intake.give_up(Error{Errc::kRequestTimeout});
      }
      watch_delivery(now);
      break;
    case State::kLinger:
      watch_delivery(now);
      break;
    case State::kClosed:
      break;
  }
  in_turn_ = false;
  take_turn();
}

}  // namespace weir::front
