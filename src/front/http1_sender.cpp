#include "front/http1_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/print.h"

namespace weir::front {
namespace {

// One lease a write, and so much a turn before other connections get theirs.
constexpr std::size_t kWriteMax = body::kChunkSize;
constexpr std::uint64_t kTurnMax = body::kChunkSize;

// Of 1xx heads that the kernel has not taken, bytes.
constexpr std::size_t kInformMost = 16 * 1024;

// 1xx, 204 and 304 have no body and no framing fields (RFC 9112 §6.3).
bool never_has_body(int status) { return status < 200 || status == 204 || status == 304; }

// Sending from the slab's file saves a copy, but makes the pages dear when the chunk is freed: they
// must be punched and faulted in again, not just written over. It pays for chunks that are sent
// again and again, not for those that stream through once.
constexpr unsigned kHot = 2;

net::Piece piece_of(const body::Lease& lease) {
  body::Chunk& chunk = *lease.pin;
  if (chunk.fd() < 0 || chunk.hits() < kHot || lease.bytes.size() < net::Conn::kSendfileLeast) {
    return {lease.bytes, -1, 0};
  }
  chunk.mark_file_sent();
  const auto offset = static_cast<std::uint64_t>(lease.bytes.data() - chunk.data());
  return {lease.bytes, chunk.fd(), chunk.file_offset() + offset};
}

}  // namespace

void Http1Sender::reset() {
  text_.clear();
  at_ = 0;
  reader_.reset();
  parted_ = nullptr;
  parts_.clear();
  frame_left_ = declared_ = head_bytes_ = body_bytes_ = 0;
  error_ = {};
  mode_ = Mode::kNoBody;
  state_ = State::kIdle;
}

void Http1Sender::inform(int status, const http::Fields& fields) {
  WEIR_CHECK(state_ == State::kIdle);
  if (text_.size() >= kInformMost) return;
  http::print_status_line(status, http::reason_phrase(status), text_);
  http::print_fields(fields, text_);
  text_ += "\r\n";
}

bool Http1Sender::start(const Reply& reply, const http::Fields& extra, const Framing& framing) {
  WEIR_CHECK(state_ == State::kIdle);
  const std::size_t before = text_.size();
  const std::string_view reason =
      reply.reason.empty() ? http::reason_phrase(reply.status) : reply.reason;
  http::print_status_line(reply.status, reason, text_);
  if (reply.fields) http::print_fields(*reply.fields, text_);
  http::print_fields(extra, text_);

  const bool bodiless = never_has_body(reply.status);
  bool keep = framing.keep_alive;
  if (reply.length && !bodiless) {
    http::print_field("Content-Length", *reply.length, text_);
    mode_ = Mode::kLength;
  } else if (!bodiless && framing.http10) {
    mode_ = Mode::kUntilClose;
    keep = keep && framing.head_only;
  } else if (!bodiless) {
    text_ += "Transfer-Encoding: chunked\r\n";
    mode_ = Mode::kChunked;
  }
  if (bodiless || framing.head_only || (!reply.body && reply.length.value_or(0) == 0)) {
    mode_ = Mode::kNoBody;
  }
  if (!keep) text_ += "Connection: close\r\n";
  if (keep && framing.http10) text_ += "Connection: keep-alive\r\n";
  text_ += "\r\n";
  head_bytes_ = text_.size() - before;

  state_ = State::kSending;
  if (mode_ == Mode::kNoBody) return keep;
  WEIR_CHECK(static_cast<bool>(reply.body));
  declared_ = reply.length.value_or(0);
  if (reply.parts.empty()) {
    reader_.emplace(reply.body, reply.first, reply.end, waiter_);
  } else {
    parted_ = reply.body;
    parts_.assign(reply.parts.rbegin(), reply.parts.rend());
  }
  return keep;
}

bool Http1Sender::end_of_piece() const {
  return frame_left_ == 0 && (!reader_ || reader_->offset() == reader_->end());
}

// Its text counts as body: it is in the Content-Length.
void Http1Sender::begin_part() {
  const Part part = std::move(parts_.back());
  parts_.pop_back();
  text_ += part.text;
  body_bytes_ += part.text.size();
  reader_.reset();
  if (part.first < part.end) reader_.emplace(parted_, part.first, part.end, waiter_);
}

Http1Sender::Blocked Http1Sender::pump(net::Conn& conn) {
  std::uint64_t turn = 0;
  for (;;) {
    body::Lease lease;
    Blocked why = Blocked::kNo;
    if (state_ == State::kSending && take_frame(lease, why) == Frame::kStop && !pending())
      return why;

    std::array<net::Piece, 2> pieces;
    std::size_t n = 0;
    std::size_t asked = text_.size() - at_;
    if (asked > 0) pieces[n++] = {std::as_bytes(std::span(text_).subspan(at_)), -1, 0};
    if (!lease.bytes.empty()) {
      pieces[n++] = piece_of(lease);
      asked += lease.bytes.size();
    }
    if (n == 0) return Blocked::kNo;
    const net::IoResult r = conn.write(std::span(pieces).first(n));
    consume(r.bytes);
    turn += r.bytes;
    if (r.state == net::IoState::kError) return Blocked::kConn;
    if (r.bytes < asked) return Blocked::kSocket;
    if (why != Blocked::kNo) return why;
    if (state_ != State::kSending) return Blocked::kNo;
    if (turn >= kTurnMax) return Blocked::kTurnOver;
  }
}

// Finds the next piece of body; says why there is none. Where the piece begins a chunk of the
// chunked coding its size line is appended to text_.
Http1Sender::Frame Http1Sender::take_frame(body::Lease& lease, Blocked& why) {
  while (end_of_piece() && !parts_.empty()) begin_part();
  if (mode_ == Mode::kNoBody || end_of_piece()) {
    end_of_body();
    return Frame::kReady;
  }
  const std::size_t max = frame_left_ ? static_cast<std::size_t>(frame_left_) : kWriteMax;
  body::Next next = reader_->next(max);
  if (auto* got = std::get_if<body::Lease>(&next)) {
    lease = std::move(*got);
    if (frame_left_ == 0) {
      frame_left_ = lease.bytes.size();
      if (mode_ == Mode::kChunked)
        fmt::format_to(std::back_inserter(text_), "{:x}\r\n", frame_left_);
    }
    return Frame::kReady;
  }
  if (std::holds_alternative<body::End>(next)) {
    end_of_body();
    return Frame::kReady;
  }
  if (std::holds_alternative<body::Wait>(next)) {
    why = Blocked::kBody;
  } else if (const auto* hole = std::get_if<body::Hole>(&next)) {
    hole_ = *hole;
    why = Blocked::kHole;
  } else {
    fail(std::get<Error>(next));
  }
  return Frame::kStop;
}

void Http1Sender::end_of_body() {
  if (mode_ == Mode::kLength && body_bytes_ != declared_) return fail(Error{Errc::kOriginCut});
  if (mode_ == Mode::kChunked) text_ += "0\r\n\r\n";
  state_ = State::kDone;
}

void Http1Sender::fail(Error why) {
  error_ = why;
  state_ = State::kFailed;
}

void Http1Sender::consume(std::size_t written) {
  const std::size_t text = std::min(written, text_.size() - at_);
  at_ += text;
  if (at_ == text_.size()) {
    text_.clear();
    at_ = 0;
  }
  const std::size_t body = written - text;
  if (body == 0) return;
  reader_->advance(body);
  body_bytes_ += body;
  frame_left_ -= body;
  if (frame_left_ == 0 && mode_ == Mode::kChunked) text_ += "\r\n";
}

}  // namespace weir::front
