#pragma once
// Http1Sender: puts one response onto a Conn: its head, then leases of its body in gather writes,
// framed by length, in chunks, or by the end of the connection (RFC 9112 §6-7).
//
//   Idle --start()--> Sending --all handed to the kernel--> Done
//                        \--the body failed or is short--> Failed (the connection must end visibly)

#include <cstdint>
#include <optional>
#include <string>

#include "body/body.h"
#include "front/stream.h"
#include "net/conn.h"

namespace weir::front {

class Http1Sender {
 public:
  explicit Http1Sender(body::Waiter& waiter) : waiter_(waiter) {}

  struct Framing {
    bool head_only = false;   // HEAD
    bool http10 = false;      // no chunked coding
    bool keep_alive = false;  // the connection may live on after this response
  };
  // Composes the head and takes the body's part. Returns whether the connection may be kept: an
  // unknown length to an HTTP/1.0 client ends it.
  bool start(const Reply& reply, const http::Fields& extra, const Framing& framing);
  // A 1xx head, before start(); leaves with the next pump(). Dropped when the client has not read
  // those before it: nobody needs to hear of all (RFC 9110 §15.2), and memory is bounded.
  void inform(int status, const http::Fields& fields);

  enum class State : std::uint8_t { kIdle, kSending, kDone, kFailed };
  enum class Blocked : std::uint8_t { kNo, kSocket, kBody, kTurnOver, kHole, kConn };
  // Writes until something stops it. kSocket: the kernel is full. kBody: the waiter will be woken.
  // kTurnOver: it had its share, call again soon. kHole: see hole(). kConn: the connection is
  // broken.
  Blocked pump(net::Conn& conn);

  State state() const { return state_; }
  bool started() const { return state_ != State::kIdle; }
  bool pending() const { return at_ < text_.size(); }
  const body::Hole& hole() const { return hole_; }
  Error error() const { return error_; }
  // The client could take a cut response for a whole one: only a reset shows it.
  bool cut_is_invisible() const { return mode_ == Mode::kUntilClose; }
  std::uint64_t head_bytes() const { return head_bytes_; }
  std::uint64_t body_bytes() const { return body_bytes_; }
  // Bytes that others have sent behind a 101: they count as its body.
  void count_line(std::size_t bytes) { body_bytes_ += bytes; }
  // All of it was handed to the kernel, and rightly so.
  bool over() const { return state_ == State::kDone && !pending(); }
  void release() {  // nothing more will be pumped
    reader_.reset();
    parted_ = nullptr;
  }
  void reset();  // for the next response; keeps memory

 private:
  enum class Mode : std::uint8_t { kNoBody, kLength, kChunked, kUntilClose };
  enum class Frame : std::uint8_t { kReady, kStop };

  Frame take_frame(body::Lease& lease, Blocked& why);
  bool end_of_piece() const;
  void begin_part();
  void end_of_body();
  void fail(Error why);
  void consume(std::size_t written);

  body::Waiter& waiter_;
  std::string text_;  // head or chunk framing not yet taken by the kernel
  std::size_t at_ = 0;
  std::optional<body::BodyReader> reader_;
  Ref<body::Body> parted_;        // the body that parts_ are of
  std::vector<Part> parts_;       // those to come, the next one last
  std::uint64_t frame_left_ = 0;  // bytes of the current piece of body
  std::uint64_t declared_ = 0;    // with kLength
  std::uint64_t head_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
  body::Hole hole_{};
  Error error_{};
  Mode mode_ = Mode::kNoBody;
  State state_ = State::kIdle;
};

}  // namespace weir::front
