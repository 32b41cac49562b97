#include "front/http1_intake.h"

#include <algorithm>
#include <cstring>

namespace weir::front {

void Http1Intake::start(const http::Request& head, body::ChunkSource& source, std::uint64_t window,
                        body::Waiter& waiter) {
  WEIR_CHECK(state_ == State::kNone && !writer_);
  if (head.framing == http::Framing::kNone) return;
  body::BodyOptions options;
  options.drop_passed = true;
  options.lead_limit = window;
  chunked_ = head.framing == http::Framing::kChunked;
  if (chunked_) {
    decoder_.emplace(limits_);
  } else {
    options.total = left_ = head.length;
  }
  body_ = make_ref<body::Body>(source, options);
  writer_.emplace(body_, 0, body::kUnlimited, waiter);
  state_ = State::kReading;
  if (!chunked_ && left_ == 0) finish();
}

void Http1Intake::reset() {
  if (state_ == State::kReading) give_up(Error{Errc::kClientGone});
  writer_.reset();
  body_ = nullptr;
  decoder_.reset();
  left_ = received_ = 0;
  state_ = State::kNone;
}

std::size_t Http1Intake::feed(std::span<const std::byte> in) {
  std::size_t used = 0;
  while (state_ == State::kReading && used < in.size()) {
    const auto room = writer_->space(in.size() - used, {}).bytes;
    if (room.empty()) break;
    const auto rest = in.subspan(used, std::min(in.size() - used, room.size()));
    used += chunked_ ? feed_chunked(rest, room) : feed_length(rest, room);
  }
  return used;
}

std::size_t Http1Intake::feed_length(std::span<const std::byte> in, std::span<std::byte> room) {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), left_));
  std::memcpy(room.data(), in.data(), n);
  committed(n);
  return n;
}

// `in` is no longer than `room`, and what is decoded no longer than `in`.
std::size_t Http1Intake::feed_chunked(std::span<const std::byte> in, std::span<std::byte> room) {
  const std::string_view text(reinterpret_cast<const char*>(in.data()), in.size());
  const auto step = decoder_->feed(text);
  if (!step) {
    give_up(Error{Errc::kBadFraming});
    return in.size();
  }
  if (!step->data.empty()) {
    std::memcpy(room.data(), step->data.data(), step->data.size());
    committed(step->data.size());
  }
  if (step->end) finish();
  return step->used;
}

void Http1Intake::committed(std::size_t n) {
  writer_->commit(n);
  received_ += n;
  if (chunked_) return;
  left_ -= n;
  if (left_ == 0) finish();
}

Http1Intake::Pull Http1Intake::pull(net::Conn& conn, std::span<std::byte> scratch,
                                    std::string& surplus) {
  while (state_ == State::kReading) {
    auto room = writer_->space(scratch.size(), {}).bytes;
    if (room.empty()) return Pull::kNoRoom;
    if (!chunked_)
      room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left_)));
    const auto into = chunked_ ? scratch.first(std::min(scratch.size(), room.size())) : room;
    const net::IoResult r = conn.read(into);
    if (r.state == net::IoState::kAgain) return Pull::kDrained;
    if (r.state == net::IoState::kError) {
      give_up(Error{Errc::kClientGone, r.error});
      return Pull::kGone;
    }
    if (r.state == net::IoState::kEnd) {
      give_up(Error{Errc::kClientBodyCut});
      return Pull::kEnded;
    }
    if (!chunked_) {
      committed(r.bytes);
      continue;
    }
    const std::size_t used = feed(into.first(r.bytes));
    surplus.append(reinterpret_cast<const char*>(into.data()) + used, r.bytes - used);
  }
  return Pull::kEnded;
}

void Http1Intake::finish() {
  std::move(*writer_).finish();
  writer_.reset();
  state_ = State::kWhole;
}

void Http1Intake::give_up(Error why) {
  if (state_ != State::kReading) return;
  std::move(*writer_).fail(why);
  writer_.reset();
  state_ = State::kBroken;
}

}  // namespace weir::front
