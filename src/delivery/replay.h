#pragma once
// Replay: what would have become of one recorded connection under other settings, and whether that
// would have been right.
//
//   Judging --Patience says reap--> Cut: what was recorded behind it tells the Fate
//      |
//      '--lingering over, reset by the client, or its recorded end--> Over
//
// The samples were taken when the settings of their time asked for them: one to three seconds apart
// while data is owed. So a verdict comes that much late, and for limits of a few seconds one may be
// missed: a client that got on between two samples, after it would have been cut. That is told
// apart (perhaps()). What is judged by other means than samples is not seen here: credit of HTTP/2,
// slow requests, delivery.max_owed.

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "delivery/close_reason.h"
#include "delivery/patience.h"
#include "delivery/sample.h"
#include "delivery/sample_lines.h"

namespace weir::delivery {

// Of one that is cut.
enum class Fate : std::uint8_t {
  kUnknown,  // nothing was recorded behind that moment
  kAlive,    // it acknowledged more afterwards, or ended well
  kDead,     // it did neither, for as long as it was recorded
};
inline constexpr std::size_t kFates = 3;
std::string_view name(Fate fate);  // "unknown", "alive", "dead"

// Whether Weir ended the connection for want of patience: what Patience can decide.
bool is_cut(CloseReason reason);

// Not thread-safe. Samples in the order of their time.
class Replay {
 public:
  // `settings` outlives it.
  explicit Replay(const Settings& settings) : patience_(settings) {}

  void on(const Sample& sample);
  void on_end(const RecordedEnd& end);

  bool cut() const { return state_ == State::kCut; }
  // Not cut as far as samples tell, but see above.
  bool perhaps() const { return perhaps_ && !cut(); }
  // Of one that was cut, or perhaps.
  CloseReason reason() const { return reason_; }
  TimePoint at() const { return at_; }
  Fate fate() const { return fate_; }
  Duration watched() const { return watched_; }  // recorded behind it

 private:
  enum class State : std::uint8_t { kJudging, kCut, kOver };

  void step_judging(const Sample& sample);
  void step_cut(TimePoint now, std::uint64_t acked);
  void note_gap(const Sample& sample);

  Patience patience_;
  State state_ = State::kJudging;
  bool perhaps_ = false;
  Fate fate_ = Fate::kUnknown;
  CloseReason reason_ = CloseReason::kOpen;
  TimePoint at_{};
  Duration watched_{0};
  std::uint64_t acked_ = 0;  // when it was cut, or at the last sample
  Forecast forecast_;        // at the last sample
};

}  // namespace weir::delivery
