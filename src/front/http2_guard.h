#pragma once
// Http2Guard: what one connection of HTTP/2 may ask of us beside requests. Frames that cost their
// sender nothing and us work (RFC 9113 §10.5) are counted by kind, each in a bucket that honest
// clients never empty; who does is told ENHANCE_YOUR_CALM and loses the connection. Pure: time is
// an argument.

#include <array>
#include <cstdint>

#include "base/time.h"
#include "delivery/close_reason.h"

namespace weir::front {

class Http2Guard {
 public:
  // What may come too often.
  enum class Nuisance : std::uint8_t {
    kReset,         // the client's RST_STREAM (CVE-2023-44487)
    kProvoked,      // RST_STREAM that its faults make us send (CVE-2025-8671, "MadeYouReset")
    kControl,       // SETTINGS, PING, PRIORITY, PRIORITY_UPDATE: each is work, some are answered
    kContinuation,  // (CVE-2024-27316)
    kEmpty,         // DATA without a byte that does not end its stream
  };
  static constexpr std::size_t kNuisances = 5;

  // One more of that kind. kOpen: it may stay; else why not, and so from then on.
  delivery::CloseReason on(Nuisance what, TimePoint now);

 private:
  struct Bucket {
    double used = 0;
    TimePoint at{};
  };
  std::array<Bucket, kNuisances> buckets_{};
};

}  // namespace weir::front
