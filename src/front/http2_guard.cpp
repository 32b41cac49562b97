#include "front/http2_guard.h"

#include <algorithm>

namespace weir::front {
namespace {

using delivery::CloseReason;

struct Limit {
  double burst;
  double rate;  // a second
  CloseReason reason;
};

// In the order of Nuisance. A browser that leaves a page resets what it had asked for, at most 128
// streams at once, again and again while somebody seeks in a video. A head needs 4 CONTINUATIONs
// when it is as large as is allowed, but for peers that cut it finer.
constexpr std::array<Limit, Http2Guard::kNuisances> kLimits{{
    {300, 50, CloseReason::kRapidReset},
    {100, 10, CloseReason::kProvokedResets},
    {500, 50, CloseReason::kControlFlood},
    {64, 16, CloseReason::kContinuationFlood},
    {100, 10, CloseReason::kEmptyFrames},
}};

}  // namespace

CloseReason Http2Guard::on(Nuisance what, TimePoint now) {
  const auto i = static_cast<std::size_t>(what);
  const Limit& limit = kLimits[i];
  Bucket& bucket = buckets_[i];
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.used = std::max(0.0, bucket.used - passed * limit.rate) + 1;
  bucket.at = now;
  return bucket.used > limit.burst ? limit.reason : CloseReason::kOpen;
}

}  // namespace weir::front
