#pragma once
// Http2Sender: the body of one response of HTTP/2, piece by piece as the connection has room and
// the stream has credit. Heads and frames are the session's affair.
//
//   Idle --start()--> Sending --last byte put()--> Done
//                        \--the body failed or is short--> Failed (the stream is reset)

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "body/body.h"
#include "front/http2_outbox.h"
#include "front/stream.h"

namespace weir::front {

class Http2Sender {
 public:
  explicit Http2Sender(body::Waiter& waiter) : waiter_(waiter) {}

  // Takes the body's part of the reply. Returns whether a body follows: if not it is Done.
  bool start(const Reply& reply, bool head_only);

  enum class State : std::uint8_t { kIdle, kSending, kDone, kFailed };
  enum class Blocked : std::uint8_t { kNo, kBody, kHole, kFailed };
  struct Piece {
    std::size_t bytes = 0;
    bool last = false;  // nothing follows; bytes may be 0 then
  };
  // Looks for up to `most` bytes. kNo: put() `piece` next. kBody: the waiter will be woken. kHole:
  // see hole(). kFailed: see error().
  Blocked next(std::size_t most, Piece& piece);
  void put(const Piece& piece, Http2Outbox& out, Http2Outbox::Account& of);
  void drop_lease() { lease_ = {}; }  // the turn is over

  State state() const { return state_; }
  bool started() const { return state_ != State::kIdle; }
  const body::Hole& hole() const { return hole_; }
  Error error() const { return error_; }
  std::uint64_t body_bytes() const { return body_bytes_; }  // put so far
  void release();                                           // nothing more will be put
  void reset();                                             // for the next response; keeps memory

 private:
  // True: there is something in text_ or lease_, or nothing follows.
  bool find(Blocked& why);
  bool end_of_piece() const { return !reader_ || reader_->offset() == reader_->end(); }
  void begin_part();
  Blocked fail(Error why);
  bool is_last(std::size_t bytes) const;

  body::Waiter& waiter_;
  std::string text_;  // of a part, not yet put
  std::size_t at_ = 0;
  std::optional<body::BodyReader> reader_;
  body::Lease lease_;        // what next() found; for this turn
  Ref<body::Body> parted_;   // the body that parts_ are of
  std::vector<Part> parts_;  // those to come, the next one last
  std::optional<std::uint64_t> declared_;
  std::uint64_t body_bytes_ = 0;
  body::Hole hole_{};
  Error error_{};
  bool ended_ = false;  // the body of unknown length is over
  State state_ = State::kIdle;
};

// 1xx, 204 and 304 have no body (RFC 9110 §6.4.1).
constexpr bool never_has_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace weir::front
