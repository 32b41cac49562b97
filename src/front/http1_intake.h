#pragma once
// Http1Intake: the body of one request, from a Conn into a Body that the origin's side reads
// (RFC 9112 §6-7). It reads no faster than the Body takes it, so a slow origin slows the client and
// memory stays bounded.
//
//   None (no body)      Reading --last byte--> Whole
//                          \--bad chunk, early end--> Broken

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "body/body.h"
#include "http/head.h"
#include "http/parser.h"
#include "net/conn.h"

namespace weir::front {

class Http1Intake {
 public:
  explicit Http1Intake(const http::HeadLimits& limits) : limits_(limits) {}

  // Prepares for the body that `head` announces; `waiter` is woken when there is room again.
  void start(const http::Request& head, body::ChunkSource& source, std::uint64_t window,
             body::Waiter& waiter);
  // Gives what was read already. Returns how much of it belongs to this body and fitted: less than
  // all when the body is whole, broken, or has no room (then give the rest again after a wake).
  std::size_t feed(std::span<const std::byte> in);
  enum class Pull : std::uint8_t { kDrained, kNoRoom, kEnded, kGone };
  // Reads from `conn` until it is drained or something else stops it. `scratch` is free again on
  // return; bytes behind the body's end are appended to `surplus`. kEnded: see state().
  Pull pull(net::Conn& conn, std::span<std::byte> scratch, std::string& surplus);
  // Nothing will read the rest: the Body fails with `why`.
  void give_up(Error why);

  enum class State : std::uint8_t { kNone, kReading, kWhole, kBroken };
  State state() const { return state_; }
  bool whole() const { return state_ == State::kNone || state_ == State::kWhole; }
  Ref<body::Body> body() const { return body_; }
  std::uint64_t received() const { return received_; }
  void reset();

 private:
  std::size_t feed_length(std::span<const std::byte> in, std::span<std::byte> room);
  std::size_t feed_chunked(std::span<const std::byte> in, std::span<std::byte> room);
  void committed(std::size_t n);
  void finish();

  const http::HeadLimits& limits_;
  std::optional<http::ChunkedDecoder> decoder_;  // only while a chunked body comes
  std::optional<body::BodyWriter> writer_;
  Ref<body::Body> body_;
  std::uint64_t left_ = 0;  // with Content-Length
  std::uint64_t received_ = 0;
  bool chunked_ = false;
  State state_ = State::kNone;
};

}  // namespace weir::front
