#pragma once
// Http2Intake: the body of one request of HTTP/2, from DATA frames into a Body that the origin's
// side reads. The client may send as much as it has credit for; it gets credit back for what the
// Body took, so a slow origin slows this stream and no other, and memory stays bounded: what the
// Body has no room for waits here, at most one window.
//
//   None (no body)      Reading --END_STREAM--> Ending --all of it has room--> Whole
//                          \--too much, too little, reset--> Broken <--'

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "body/body.h"
#include "http/head.h"

namespace weir::front {

class Http2Intake {
 public:
  // Prepares for the body that `head` announces; `waiter` is woken when there is room again.
  void start(const http::Request& head, body::ChunkSource& source, std::uint64_t window,
             body::Waiter& waiter);
  // Bytes of DATA. Bytes that nobody wants (any more) are dropped. Returns the credit that is due.
  std::size_t feed(std::span<const std::byte> in);
  std::size_t go_on();  // after a wake; returns the credit that is due
  void end();           // END_STREAM. The body must now be as long as it was said to be
  void give_up(Error why);

  enum class State : std::uint8_t { kNone, kReading, kEnding, kWhole, kBroken };
  State state() const { return state_; }
  // All that belongs to the request came from the client.
  bool whole() const { return state_ == State::kNone || state_ >= State::kEnding; }
  bool broken() const { return state_ == State::kBroken; }
  bool open() const { return state_ == State::kReading; }
  bool stuck() const { return uncredited() > 0; }  // the origin is slower than the client
  Ref<body::Body> body() const { return body_; }
  std::uint64_t received() const { return received_; }
  // Credit that the client has not got back yet.
  std::uint64_t uncredited() const { return pending_.size() - pending_at_; }
  void reset();

 private:
  std::size_t put(std::span<const std::byte> in);
  void finish();
  void pass_pending(std::size_t n);

  std::optional<body::BodyWriter> writer_;
  Ref<body::Body> body_;
  std::string pending_;  // no room for it yet: from pending_at_ on
  std::size_t pending_at_ = 0;
  std::optional<std::uint64_t> length_;
  std::uint64_t received_ = 0;
  State state_ = State::kNone;
};

}  // namespace weir::front
