#pragma once
// Receipt: what is known of one response's arrival at the client. DeliveryTracker: the receipts of
// one connection that are not settled yet.
//
//   Open --end()--> Unknown --acknowledged up to its end--> Acknowledged
//                      |                                         | closed clean
//                      '--the next request came--> NextRequest   '----------> ClosedClean
//
// "Acknowledged" speaks of the client's kernel; only the next request, or a clean end after our FIN
// was acknowledged, says that the application did not choke on it (kernel-facts F).
//
// Offsets are counted in what is acknowledged: bytes on the wire for TCP (with TLS: as encrypted),
// bytes of the stream for HTTP/2, where given-back credit acknowledges. Receipt knows of neither.

#include <cstdint>
#include <string_view>

#include "base/list.h"
#include "base/time.h"
#include "delivery/sample.h"

namespace weir::delivery {

enum class Proof : std::uint8_t { kUnknown, kNextRequest, kAcknowledged, kClosedClean };
std::string_view name(Proof proof);  // "unknown", "next_request", "acknowledged", "closed_clean"

// How far the client is.
struct Progress {
  TimePoint now{};
  std::uint64_t acked = 0;  // an offset; our FIN is not counted
  Duration rtt{0};          // 0: not known
  std::uint32_t total_retrans = 0;
};
Progress progress_of(const Sample& sample);  // clamped to what was written: our FIN counts 1 there

class Receipt : public ListNode {
 public:
  // As far as this response was put out.
  struct Written {
    std::uint64_t head_end = 0;  // offset behind the head
    std::uint64_t body = 0;      // body bytes without framing
    std::uint64_t end = 0;       // offset behind the last byte
  };
  // What is known at this moment.
  struct Facts {
    bool complete = false;  // all of the response was written, and it arrived
    Proof proof = Proof::kUnknown;
    std::uint64_t body_sent = 0;
    // Exact when the body is not framed; else in proportion, never too many, and exact at the end.
    std::uint64_t body_acked = 0;
    // When an acknowledgement was last seen; zero: none was. Samples are up to a second apart, and
    // a next request may come long after the last byte.
    TimePoint last_acked{};
    Duration standstill{0};  // in all: between samples that were owed something and saw no progress
    Duration rtt{0};         // the latest; 0: never sampled
    std::uint32_t retransmits = 0;
  };

  // `retransmits`: of the connection so far.
  void begin(std::uint64_t offset, std::uint32_t retransmits);
  void wrote(const Written& written);  // running totals; at least before each on() and facts()
  void end() { ended_ = true; }        // all of it is written, and wrote() was told
  bool ended() const { return ended_; }

  void on(const Progress& progress);
  // The first byte of a next request came after the last byte of this response was written.
  // REQUIRES: ended(), and a client that was not seen to pipeline on this connection.
  void on_next_request(TimePoint now);
  // The client ended its side without a reset. Says something only if all was acknowledged before:
  // a FIN may come at any time from who reads on.
  void on_closed_clean();
  bool settled() const { return proof_ != Proof::kUnknown; }
  bool owing() const { return owing_; }  // at the last on()
  Facts facts() const;

 private:
  std::uint64_t body_acked() const;

  Written written_;
  std::uint64_t begin_ = 0;
  std::uint64_t acked_ = 0;
  TimePoint last_{};  // Progress
  TimePoint last_acked_{};
  Duration standstill_{0};
  Duration rtt_{0};
  std::uint32_t retransmits_before_ = 0;
  std::uint32_t retransmits_ = 0;
  Proof proof_ = Proof::kUnknown;
  bool ended_ = false;
  bool owing_ = false;  // at the last Progress
};

// Receipts in the order of their responses. They belong to others (a line of the log waits for
// each) and may be destroyed at any time. No memory of its own.
class DeliveryTracker {
 public:
  // The next response; everything before it has been put out.
  void add(Receipt& receipt, std::uint64_t offset);
  void on(const Progress& progress);
  // The first byte of a request was read. It proves that all before it arrived, unless the client
  // pipelines: it has ever sent one before the response to the last was written, or before it had
  // it. Of the latter only samples tell: when owing(), call on() first.
  void on_request(TimePoint now);
  // Bytes of a request were read while the response to the one before was not written: from now on
  // its requests prove nothing.
  void on_pipelined() { pipelines_ = true; }
  void on_closed_clean();
  bool owing() const;  // at the last on(), of any
  // The oldest receipt if it is settled, no longer tracked; else null.
  Receipt* take_settled();
  // The oldest in any case, for the end of the connection; null: there is none.
  Receipt* take() { return receipts_.pop_front(); }
  bool empty() const { return receipts_.empty(); }

 private:
  List<Receipt> receipts_;
  std::uint32_t retransmits_ = 0;
  bool pipelines_ = false;
};

}  // namespace weir::delivery
