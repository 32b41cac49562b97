#pragma once
// The first cut of patience.h, until front/ has moved; never include both.
// Who is late? A pure machine over samples of one connection: values in, verdict out, so that
// recorded samples replay where no socket exists. Progress is what the client acknowledged, never
// what the kernel accepted.
//
//   nothing owed --a write leaves bytes owed--> owing --acked moved--> owing (clock restarts)
//        ^-------------all acknowledged-----------|  \--limit without progress--> stalled

#include <cstdint>

#include "base/time.h"

namespace weir::delivery {
inline namespace first_cut {

struct Sample {
  TimePoint now;
  std::uint64_t acked = 0;   // bytes the peer acknowledged since the connection began
  std::uint64_t queued = 0;  // written and not acknowledged yet
  Duration loop_lag{0};      // how late this worker itself was; the client is not blamed for it
};

enum class Patience : std::uint8_t { kKeep, kStalled };

struct Verdict {
  Patience patience = Patience::kKeep;
  TimePoint look_again = TimePoint::max();  // max: nothing is owed, the next write brings a sample
};

class StallTimeout {
 public:
  explicit StallTimeout(Duration limit) : limit_(limit) {}

  Verdict on(const Sample& sample);
  // How long nothing was acknowledged while something was owed, up to `now`.
  Duration standstill(TimePoint now) const;

 private:
  Duration limit_;
  TimePoint since_{};  // of the last progress, or of the moment the debt began
  std::uint64_t acked_ = 0;
  bool owing_ = false;
};

}  // namespace first_cut
}  // namespace weir::delivery
