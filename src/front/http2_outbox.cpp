#include "front/http2_outbox.h"

#include <algorithm>
#include <array>

namespace weir::front {
namespace {

constexpr std::size_t kCopyMost = 1024;       // of a body
constexpr std::size_t kPieces = 256;          // in one write
constexpr std::size_t kKeptText = 64 * 1024;  // memory between writes

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::span<const std::byte> Http2Outbox::bytes_of(const Segment& segment) const {
  if (segment.pin) return {segment.bytes, segment.size};
  return std::as_bytes(std::span(text_).subspan(segment.at, segment.size));
}

void Http2Outbox::add(Segment segment) {
  bytes_ += segment.size;
  if (segment.of) segment.of->queued += segment.size;
  segments_.push_back(std::move(segment));
}

void Http2Outbox::add_text(std::string_view text, Kind kind, Account* of) {
  if (text.empty()) return;
  Segment segment;
  segment.at = text_.size();
  segment.size = text.size();
  segment.of = of;
  segment.kind = kind;
  text_.append(text);
  add(std::move(segment));
}

void Http2Outbox::add_body(const body::Lease& lease, std::size_t size, Account& of) {
  const auto bytes = lease.bytes.first(size);
  if (size <= kCopyMost) return add_text(text_of(bytes), Kind::kBody, &of);
  Segment segment;
  segment.pin = lease.pin;
  segment.bytes = bytes.data();
  segment.size = size;
  segment.of = &of;
  segment.kind = Kind::kBody;
  add(std::move(segment));
}

net::IoResult Http2Outbox::write(net::Conn& conn) {
  std::array<net::Piece, kPieces> pieces;
  std::size_t n = 0;
  std::size_t asked = 0;
  for (std::size_t i = first_; i < segments_.size(); ++i) {
    const auto bytes = bytes_of(segments_[i]);
    if (n > 0 && pieces[n - 1].bytes.data() + pieces[n - 1].bytes.size() == bytes.data()) {
      pieces[n - 1].bytes = {pieces[n - 1].bytes.data(), pieces[n - 1].bytes.size() + bytes.size()};
    } else {
      if (n == kPieces) break;
      pieces[n++] = {bytes, -1, 0};
    }
    asked += bytes.size();
  }
  net::IoResult r = conn.write(std::span(pieces).first(n), asked < bytes_);
  consume(r.bytes);
  return r;
}

void Http2Outbox::consume(std::size_t n) {
  bytes_ -= n;
  while (n > 0) {
    Segment& segment = segments_[first_];
    const std::size_t taken = std::min(n, segment.size);
    if (segment.of) {
      segment.of->queued -= taken;
      segment.of->moved = true;
      if (segment.kind == Kind::kHead) segment.of->head += taken;
      if (segment.kind == Kind::kBody) segment.of->body += taken;
    }
    n -= taken;
    segment.size -= taken;
    segment.bytes += segment.pin ? taken : 0;
    segment.at += taken;
    if (segment.size > 0) break;
    segment.pin = nullptr;
    ++first_;
  }
  if (empty()) clear();
}

void Http2Outbox::let_go() {
  for (std::size_t i = first_; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    if (!segment.pin) continue;
    segment.at = text_.size();
    text_.append(text_of(bytes_of(segment)));
    segment.pin = nullptr;
    segment.bytes = nullptr;
  }
}

void Http2Outbox::forget(const Account& of) {
  if (of.queued == 0) return;
  for (Segment& segment : segments_) {
    if (segment.of == &of) segment.of = nullptr;
  }
}

void Http2Outbox::clear() {
  for (std::size_t i = first_; i < segments_.size(); ++i) {
    if (segments_[i].of) segments_[i].of->queued -= segments_[i].size;
  }
  segments_.clear();
  first_ = 0;
  bytes_ = 0;
  text_.clear();
  if (text_.capacity() > kKeptText) std::string().swap(text_);
}

}  // namespace weir::front
