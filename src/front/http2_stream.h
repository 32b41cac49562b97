#pragma once
// Http2Stream: the Stream of HTTP/2, one of many on a connection.
//
//   Head --END_HEADERS--> Arrived --its turn--> Serving --all written, reset, refused--> Over
//     \--malformed, reset--------\--reset---------------------------------------------------^
//
// Over: for the log it still waits until its receipt is settled by acknowledgement (on a connection
// that carries many, the next request proves nothing) or is known to stay open.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/list.h"
#include "delivery/credit_patience.h"
#include "delivery/milestones.h"
#include "delivery/request_patience.h"
#include "front/http2_head.h"
#include "front/http2_intake.h"
#include "front/http2_outbox.h"
#include "front/http2_sender.h"
#include "front/settings.h"
#include "front/stream.h"

namespace weir::front {

class Http2Session;

class Http2Stream final : public Stream, public body::Waiter, public ListNode {
 public:
  Http2Stream(net::Loop& loop, const Settings& settings);

  const http::Request& request() const override { return request_; }
  Ref<body::Body> request_body() const override { return intake.body(); }
  std::string_view client_host() const override;
  std::uint16_t client_port() const override;
  std::string introduction() const override;
  std::string_view scheme() const override;
  net::Loop& loop() const override { return loop_; }
  http::Fields& extra() override { return extra_; }
  void inform(int status, const http::Fields& fields) override;
  void reply(const Reply& reply) override;
  void switch_protocols(const Reply& head, Line::Owner& owner) override;

  void wake() noexcept override;  // body::Waiter, any thread

  // For the session.
  enum class State : std::uint8_t { kHead, kArrived, kServing, kOver };
  void attach(Http2Session& session, std::int32_t id, TimePoint now);
  void detach();  // forgets everything but memory
  bool take_wake() { return woken_.exchange(false, std::memory_order_acquire); }
  http::Request& head() { return request_; }
  // What is written of the response is known to reach up to `offset` of the connection.
  void note_written(std::uint64_t offset);
  // The response is over, rightly or not: fills in `ending` and tells the handler.
  void response_over(TimePoint now);
  void note_acked(std::uint64_t offset) { milestones_.passed(offset); }
  // For the log: completes `ending`. `acked`: the connection's offset.
  Ending& settle(std::uint64_t acked);

  std::int32_t id = 0;
  State state = State::kHead;
  Handler* handler = nullptr;
  Http2Head fields;
  Http2Intake intake;
  Http2Sender sender;
  Http2Sender::Piece piece;  // between nghttp2's asking for it and taking it
  Http2Outbox::Account out;
  delivery::RequestPatience patience;
  TimePoint body_deadline = TimePoint::max();
  delivery::CreditPatience credit;
  delivery::Receipt receipt;
  Ending ending;
  std::uint64_t trailer_bytes = 0;
  std::uint32_t informs = 0;     // heads of 1xx that nghttp2 has not sent
  bool head_out = false;         // the final head is in the outbox
  bool waits_body = false;       // nghttp2 was told that there is nothing to send for now
  bool closed = false;           // nghttp2 has forgotten it: neither frame is possible any more
  std::uint32_t close_code = 0;  // with closed: as in RST_STREAM
  bool by_client = false;        // its RST_STREAM

 private:
  net::Loop& loop_;
  std::atomic<bool> woken_{false};
  Http2Session* session_ = nullptr;
  http::Request request_;
  http::Fields extra_;
  delivery::Milestones milestones_;
  std::uint64_t head_end_ = 0;  // the connection's offset
};

// Free streams of one worker, the warmest first.
class Http2StreamPool {
 public:
  Http2StreamPool(net::Loop& loop, const Settings& settings) : loop_(loop), settings_(settings) {}
  Http2Stream& take();
  void give(Http2Stream& stream);
  void forget() { free_.clear(); }  // they were made for other settings

 private:
  net::Loop& loop_;
  const Settings& settings_;
  std::vector<std::unique_ptr<Http2Stream>> free_;
};

}  // namespace weir::front
