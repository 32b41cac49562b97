#include "front/http2_stream.h"

#include <algorithm>
#include <memory>

#include "front/http2_session.h"

namespace weir::front {
namespace {

constexpr std::size_t kFreeStreams = 512;  // more than this many are not kept warm

}  // namespace

Http2Stream::Http2Stream(net::Loop& loop, const Settings& settings)
    : fields(settings.limits),
      sender(*this),
      patience(settings.request),
      credit(settings.delivery),
      loop_(loop) {}

void Http2Stream::attach(Http2Session& session, std::int32_t number, TimePoint now) {
  session_ = &session;
  id = number;
  ending.began = now;
}

void Http2Stream::detach() {
  intake.reset();
  sender.reset();
  session_ = nullptr;
  handler = nullptr;
  state = State::kHead;
  fields.reset();
  piece = {};
  out = {};
  body_deadline = TimePoint::max();
  std::destroy_at(&receipt);
  std::construct_at(&receipt);
  ending = {};
  trailer_bytes = 0;
  informs = close_code = 0;
  head_out = waits_body = closed = by_client = false;
  woken_.store(false, std::memory_order_relaxed);
  request_.clear();
  extra_.clear();
  milestones_.clear();
  head_end_ = 0;
}

std::string_view Http2Stream::client_host() const { return session_->client_host(); }
std::uint16_t Http2Stream::client_port() const { return session_->peer().port(); }
std::string Http2Stream::introduction() const { return session_->introduction(); }
std::string_view Http2Stream::scheme() const { return session_->secure() ? "https" : "http"; }

// The session outlives whoever could call this: readers and writers of bodies unlist themselves.
void Http2Stream::wake() noexcept {
  woken_.store(true, std::memory_order_release);
  session_->post();
}

void Http2Stream::inform(int status, const http::Fields& informed) {
  if (sender.started() || closed) return;
  session_->send_interim(*this, status, informed);
}

void Http2Stream::reply(const Reply& reply) {
  ending.status = reply.status;
  const bool body = sender.start(reply, request_.method == http::Method::kHead);
  if (!closed) session_->send_head(*this, reply, body);
}

// RFC 9113 §8.6: HTTP/2 has no 101.
void Http2Stream::switch_protocols(const Reply&, Line::Owner&) {
  check_failed("an upgrade of a stream", __FILE__, __LINE__);
}

void Http2Stream::note_written(std::uint64_t offset) {
  out.moved = false;
  if (!head_out) return;  // 1xx
  if (head_end_ == 0) head_end_ = offset;
  milestones_.add(offset, out.body);
  receipt.wrote({.head_end = head_end_, .body = out.body, .end = offset});
}

void Http2Stream::response_over(TimePoint now) {
  if (state == State::kOver) return;
  state = State::kOver;
  ending.ended = now;
  ending.complete = head_out && sender.state() == Http2Sender::State::kDone && out.queued == 0;
  ending.head_bytes = out.head;
  ending.body_bytes = out.body;
  if (ending.complete) receipt.end();
  intake.give_up(Error{Errc::kClientGone});  // what is still to come of the request is discarded
  sender.release();
  if (handler) handler->on_sent(*this);
}

Ending& Http2Stream::settle(std::uint64_t acked) {
  receipt.unlink();
  ending.receipt = receipt.facts();
  // The receipt knows one end only, and other streams lie between.
  if (!ending.receipt.complete) ending.receipt.body_acked = milestones_.body_before(acked);
  ending.receipt.standstill += credit.shut_for();
  return ending;
}

Http2Stream& Http2StreamPool::take() {
  if (free_.empty()) return *std::make_unique<Http2Stream>(loop_, settings_).release();
  Http2Stream* stream = free_.back().release();
  free_.pop_back();
  return *stream;
}

void Http2StreamPool::give(Http2Stream& stream) {
  stream.unlink();
  stream.detach();
  std::unique_ptr<Http2Stream> owned(&stream);
  if (free_.size() < kFreeStreams) free_.push_back(std::move(owned));
}

}  // namespace weir::front
