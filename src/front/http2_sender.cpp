#include "front/http2_sender.h"

#include <algorithm>

namespace weir::front {

bool Http2Sender::start(const Reply& reply, bool head_only) {
  WEIR_CHECK(state_ == State::kIdle);
  const bool bodiless = never_has_body(reply.status) || head_only;
  if (bodiless || (!reply.body && reply.length.value_or(0) == 0)) {
    state_ = State::kDone;
    return false;
  }
  WEIR_CHECK(static_cast<bool>(reply.body));
  state_ = State::kSending;
  declared_ = reply.length;
  if (reply.parts.empty()) {
    reader_.emplace(reply.body, reply.first, reply.end, waiter_);
  } else {
    parted_ = reply.body;
    parts_.assign(reply.parts.rbegin(), reply.parts.rend());
  }
  return true;
}

void Http2Sender::release() {
  drop_lease();
  reader_.reset();
  parted_ = nullptr;
}

void Http2Sender::reset() {
  release();
  text_.clear();
  at_ = 0;
  parts_.clear();
  declared_.reset();
  body_bytes_ = 0;
  error_ = {};
  ended_ = false;
  state_ = State::kIdle;
}

void Http2Sender::begin_part() {
  const Part part = std::move(parts_.back());
  parts_.pop_back();
  text_ = part.text;
  at_ = 0;
  reader_.reset();
  if (part.first < part.end) reader_.emplace(parted_, part.first, part.end, waiter_);
}

Http2Sender::Blocked Http2Sender::fail(Error why) {
  error_ = why;
  state_ = State::kFailed;
  return Blocked::kFailed;
}

bool Http2Sender::is_last(std::size_t bytes) const {
  if (!parts_.empty()) return false;
  if (at_ < text_.size()) return at_ + bytes == text_.size() && end_of_piece();
  return ended_ || !reader_ || reader_->offset() + bytes == reader_->end();
}

bool Http2Sender::find(Blocked& why) {
  for (;;) {
    if (at_ < text_.size() || !lease_.bytes.empty() || ended_) return true;
    if (end_of_piece()) {
      if (parts_.empty()) return true;
      begin_part();
      continue;
    }
    body::Next next = reader_->next(body::kChunkSize);
    if (auto* got = std::get_if<body::Lease>(&next)) {
      lease_ = std::move(*got);
    } else if (std::holds_alternative<body::End>(next)) {
      ended_ = true;
    } else if (std::holds_alternative<body::Wait>(next)) {
      why = Blocked::kBody;
      return false;
    } else if (const auto* hole = std::get_if<body::Hole>(&next)) {
      hole_ = *hole;
      why = Blocked::kHole;
      return false;
    } else {
      why = fail(std::get<Error>(next));
      return false;
    }
  }
}

Http2Sender::Blocked Http2Sender::next(std::size_t most, Piece& piece) {
  WEIR_CHECK(state_ == State::kSending);
  Blocked why = Blocked::kNo;
  if (!find(why)) return why;
  const std::size_t here = at_ < text_.size() ? text_.size() - at_ : lease_.bytes.size();
  piece.bytes = std::min(most, here);
  piece.last = is_last(piece.bytes);
  const std::uint64_t after = body_bytes_ + piece.bytes;
  if (declared_ && (after > *declared_ || (piece.last && after != *declared_))) {
    return fail(Error{Errc::kOriginCut});
  }
  return Blocked::kNo;
}

void Http2Sender::put(const Piece& piece, Http2Outbox& out, Http2Outbox::Account& of) {
  if (piece.bytes > 0 && at_ < text_.size()) {
    out.add_text(std::string_view(text_).substr(at_, piece.bytes), Http2Outbox::Kind::kBody, &of);
    at_ += piece.bytes;
  } else if (piece.bytes > 0) {
    out.add_body(lease_, piece.bytes, of);
    lease_.bytes = lease_.bytes.subspan(piece.bytes);
    reader_->advance(piece.bytes);
  }
  body_bytes_ += piece.bytes;
  if (piece.last) state_ = State::kDone;
}

}  // namespace weir::front
