// What Http1Session and Http2Session tell an operator of themselves.

#include <fmt/format.h>

#include <algorithm>

#include "front/http1_session.h"
#include "front/http2_session.h"

namespace weir::front {
namespace {

using delivery::CloseReason;
using delivery::Phase;

std::string name_of(const net::Address& peer, std::string_view host) {
  const bool v6 = host.find(':') != host.npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", peer.port());
}

std::string text_of(const http::Request& request) {
  std::string out = fmt::format("{} {}{}", request.method_text, request.authority, request.target);
  if (out.size() > ConnectionView::kRequestMost) out.resize(ConnectionView::kRequestMost);
  return out;
}

Duration since(TimePoint now, TimePoint then) { return std::max(now - then, Duration::zero()); }

// What patience for the connection says, unless something else comes earlier.
void foresee(ConnectionView& view, CloseReason why, TimePoint at) {
  if (why == CloseReason::kOpen || at >= view.at) return;
  view.will = delivery::name(why);
  view.at = at;
}

}  // namespace

// ---- HTTP/1

Duration Http1Session::still() const {
  const TimePoint now = home_.loop.now();
  if (watch_.queued() > 0) return watch_.standstill(now);
  switch (phase()) {
    case Phase::kIdle:
    case Phase::kSending:  // it has all there is
      return Duration::zero();
    case Phase::kReading:
      return since(now, state_ == State::kHead ? since_ : stream_->patience.received_at());
    case Phase::kAwaitingOrigin:
      return since(now, stream_->ending.began);
    case Phase::kLingering:
      return since(now, since_);
  }
  check_failed("unknown phase", __FILE__, __LINE__);
}

ConnectionView Http1Session::view() const {
  const TimePoint now = home_.loop.now();
  ConnectionView v{.number = number_,
                   .client = name_of(conn_.peer(), client_host()),
                   .tls = secure(),
                   .phase = phase(),
                   .requests = stream_ ? std::size_t{1} : 0,
                   .held = watch_.queued(),
                   .acked = watch_.acked(),
                   .rate = watch_.rate(),
                   .still = still()};
  if (const Http1Stream* shown = stream_ ? stream_.get() : sent_.get()) {
    if (state_ != State::kHead) v.request = text_of(shown->request());
    v.request_age = since(now, shown->ending.began);
  }
  foresee(v, watch_.forecast().reason, watch_.forecast().at);
  if (state_ == State::kIdle) foresee(v, CloseReason::kIdleTimeout, deadline_);
  if (state_ == State::kHead) foresee(v, CloseReason::kRequestTimeout, deadline_);
  if (state_ == State::kExchange && v.phase == Phase::kReading)
    foresee(v, CloseReason::kBodyTimeout, deadline_);
  return v;
}

// ---- HTTP/2

Duration Http2Session::still() const {
  const TimePoint now = home_.loop.now();
  Duration longest = watch_.queued() > 0 ? watch_.standstill(now) : Duration::zero();
  if (state_ == State::kLinger) return std::max(longest, since(now, since_));
  for (const Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    if (s->credit.shut()) longest = std::max(longest, s->credit.shut_for());
    if (s->head_out || watch_.queued() > 0) continue;
    const bool body = s->state != Http2Stream::State::kHead && s->intake.open();
    longest = std::max(longest, since(now, body ? s->patience.received_at() : s->ending.began));
  }
  return longest;
}

ConnectionView Http2Session::view() const {
  const TimePoint now = home_.loop.now();
  ConnectionView v{.number = number_,
                   .client = name_of(conn_->peer(), client_host()),
                   .http2 = true,
                   .tls = secure(),
                   .phase = phase(),
                   .held = watch_.queued() + outbox_.bytes(),
                   .acked = watch_.acked(),
                   .rate = watch_.rate(),
                   .still = still()};
  foresee(v, watch_.forecast().reason, watch_.forecast().at);
  foresee(v, CloseReason::kIdleTimeout, idle_at_);
  foresee(v, CloseReason::kRequestTimeout, head_at_);
  for (const Http2Stream* s = open_.front(); s; s = open_.next(*s)) {
    ++v.requests;
    if (s->credit.shut()) foresee(v, CloseReason::kNoCredit, after(now, s->credit.left()));
    foresee(v, CloseReason::kBodyTimeout, s->body_deadline);
    if (!v.request.empty() || s->state == Http2Stream::State::kHead) continue;
    v.request = text_of(s->request());
    v.request_age = since(now, s->ending.began);
  }
  return v;
}

}  // namespace weir::front
