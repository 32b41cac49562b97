#include "front/http1_stream.h"

#include <algorithm>
#include <memory>

#include "front/http1_session.h"

namespace weir::front {
namespace {

constexpr std::size_t kFreeStreams = 256;  // more than this many are not kept warm

}  // namespace

Http1Stream::Http1Stream(net::Loop& loop, const Settings& settings)
    : parser(settings.limits),
      intake(settings.limits),
      sender(*this),
      patience(settings.request),
      loop_(loop) {}

Http1Stream::~Http1Stream() { loop_.cancel(*this); }

void Http1Stream::attach(Http1Session& session) {
  session_ = &session;
  secure_ = session.secure();
}

void Http1Stream::detach() {
  session_ = nullptr;
  handler = nullptr;
  keep_alive = line_whole = false;
  line = nullptr;
  ending = {};
  std::destroy_at(&receipt);
  std::construct_at(&receipt);
  intake.reset();
  sender.reset();
  parser.reset();
  request_.clear();
  extra_.clear();
}

void Http1Stream::response_over(TimePoint now) {
  if (ending.ended != TimePoint{}) return;
  ending.ended = now;
  ending.complete = sender.over() && (!line || line_whole);
  ending.head_bytes = sender.head_bytes();
  ending.body_bytes = sender.body_bytes();
  if (ending.complete) receipt.end();
  intake.give_up(Error{Errc::kClientGone});  // what is still to come of the request is discarded
  sender.release();
  if (handler) handler->on_sent(*this);
}

void Http1Stream::note_written(std::uint64_t offset) {
  receipt.wrote({.head_end = std::min(offset, response_begin + sender.head_bytes()),
                 .body = sender.body_bytes(),
                 .end = offset});
}

std::string_view Http1Stream::client_host() const { return session_->client_host(); }
std::uint16_t Http1Stream::client_port() const { return session_->peer().port(); }

std::string Http1Stream::introduction() const { return session_->introduction(); }

void Http1Stream::run() noexcept {
  // A wake may come after the stream went back to the pool, or even on: then it is one turn too
  // many.
  if (session_) session_->take_turn();
}

void Http1Stream::inform(int status, const http::Fields& fields) {
  if (sender.started() || request_.version < http::kHttp11) return;
  sender.inform(status, fields);
  if (!session_->in_turn()) wake();
}

void Http1Stream::reply(const Reply& reply) {
  // A request body that is still on its way cannot be followed by another request: it would have to
  // be read to its end first, and nobody may want that much.
  const bool keep = request_.keep_alive && intake.whole() && session_->may_keep();
  keep_alive = sender.start(reply, extra_,
                            {.head_only = request_.method == http::Method::kHead,
                             .http10 = request_.version < http::kHttp11,
                             .keep_alive = keep});
  ending.status = reply.status;
  if (!session_->in_turn()) wake();
}

void Http1Stream::switch_protocols(const Reply& head, Line::Owner& owner) {
  WEIR_CHECK(request_.version == http::kHttp11 && intake.whole() && head.status == 101);
  line = &owner;
  sender.start(head, extra_, {.keep_alive = true});
  ending.status = head.status;
  if (!session_->in_turn()) wake();
}

std::unique_ptr<Http1Stream> Http1StreamPool::take() {
  if (free_.empty()) return std::make_unique<Http1Stream>(loop_, settings_);
  auto stream = std::move(free_.back());
  free_.pop_back();
  return stream;
}

void Http1StreamPool::give(std::unique_ptr<Http1Stream> stream) {
  stream->detach();
  if (free_.size() < kFreeStreams) free_.push_back(std::move(stream));
}

}  // namespace weir::front
