#include "front/http2_intake.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::front {

void Http2Intake::start(const http::Request& head, body::ChunkSource& source, std::uint64_t window,
                        body::Waiter& waiter) {
  WEIR_CHECK(state_ == State::kNone && !writer_);
  if (head.framing == http::Framing::kNone) return;
  body::BodyOptions options;
  options.drop_passed = true;
  options.lead_limit = window;
  if (head.framing == http::Framing::kLength) options.total = length_ = head.length;
  body_ = make_ref<body::Body>(source, options);
  writer_.emplace(body_, 0, body::kUnlimited, waiter);
  state_ = State::kReading;
}

void Http2Intake::reset() {
  give_up(Error{Errc::kClientGone});
  writer_.reset();
  body_ = nullptr;
  std::string().swap(pending_);
  pending_at_ = 0;
  length_.reset();
  received_ = 0;
  state_ = State::kNone;
}

std::size_t Http2Intake::feed(std::span<const std::byte> in) {
  if (state_ != State::kReading) return in.size();
  received_ += in.size();
  if (length_ && received_ > *length_) {
    const std::size_t waiting = uncredited();
    give_up(Error{Errc::kBadFraming});
    return in.size() + waiting;
  }
  const std::size_t used = stuck() ? 0 : put(in);
  const auto rest = in.subspan(used);
  pending_.append(reinterpret_cast<const char*>(rest.data()), rest.size());
  return used;
}

std::size_t Http2Intake::go_on() {
  if (!stuck() || !writer_) return 0;
  const std::size_t used = put(std::as_bytes(std::span(pending_)).subspan(pending_at_));
  pass_pending(used);
  if (!stuck() && state_ == State::kEnding) finish();
  return used;
}

// What is left moves to the front once it is the smaller part: each byte a few times at most.
void Http2Intake::pass_pending(std::size_t n) {
  pending_at_ += n;
  if (pending_at_ < pending_.size() - pending_at_) return;
  pending_.erase(0, std::exchange(pending_at_, 0));
}

std::size_t Http2Intake::put(std::span<const std::byte> in) {
  std::size_t used = 0;
  while (used < in.size()) {
    const auto room = writer_->space(in.size() - used, {}).bytes;
    if (room.empty()) break;
    const std::size_t n = std::min(room.size(), in.size() - used);
    std::memcpy(room.data(), in.data() + used, n);
    writer_->commit(n);
    used += n;
  }
  return used;
}

void Http2Intake::end() {
  if (state_ != State::kReading) return;
  if (length_ && received_ != *length_) return give_up(Error{Errc::kClientBodyCut});
  state_ = State::kEnding;
  if (!stuck()) finish();
}

void Http2Intake::finish() {
  std::move(*writer_).finish();
  writer_.reset();
  state_ = State::kWhole;
}

void Http2Intake::give_up(Error why) {
  if (state_ != State::kReading && state_ != State::kEnding) return;
  std::move(*writer_).fail(why);
  writer_.reset();
  pending_.clear();
  pending_at_ = 0;
  state_ = State::kBroken;
}

}  // namespace weir::front
