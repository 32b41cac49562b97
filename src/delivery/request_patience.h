#pragma once
// RequestPatience: may a client take so long to send its request? One machine a request.
//
//   head --head_timeout in all, however the bytes come--> request_timeout
//   body --body_timeout of patience, bought back by bytes at min_body_rate--> body_timeout (nothing
//          came) or body_too_slow (some did)
//
// So a head may come byte by byte, a body may pause for body_timeout, and neither may trickle for
// ever. Not counted: time in which Weir itself did not read (the origin takes the body slowly) and
// in which the worker was late, for then the bytes may be waiting in the kernel.

#include <cstdint>

#include "base/time.h"
#include "delivery/allowance.h"
#include "delivery/close_reason.h"

namespace weir::delivery {

// Of the conf file; shared by all connections and outlives them.
struct RequestSettings {
  Duration head_timeout = std::chrono::seconds(30);
  Duration body_timeout = std::chrono::seconds(60);
  std::uint64_t min_body_rate = 240;  // bytes/s; 0: any byte gives all patience back
};

class RequestPatience {
 public:
  explicit RequestPatience(const RequestSettings& settings) : settings_(&settings) {}

  struct Decision {
    CloseReason reason = CloseReason::kOpen;  // else: end it so
    TimePoint look_again = TimePoint::max();
  };
  // With the first byte of the head; later calls of on_head() until it is whole.
  Decision begin_head(TimePoint now);
  Decision on_head(TimePoint now, Duration loop_lag);
  // With the end of the head, `received` bytes of the body being here. Then on_body() when bytes
  // came, when `reading` changes and at look_again. reading: Weir would take bytes if there were
  // any.
  Decision begin_body(TimePoint now, std::uint64_t received);
  Decision on_body(TimePoint now, std::uint64_t received, bool reading, Duration loop_lag);
  // When the last byte of the body came that a call has told of; before begin_body() no sense.
  TimePoint received_at() const { return received_at_; }

 private:
  Duration counted(TimePoint now, Duration loop_lag);

  const RequestSettings* settings_;
  TimePoint last_{};         // call
  TimePoint received_at_{};  // last byte of the body
  std::uint64_t received_ = 0;
  Allowance left_;
  bool reading_ = true;  // at the last call
};

}  // namespace weir::delivery
