#pragma once
// Breaker: whether a server that failed may be asked again. Pure: times and a random number are
// arguments.
//
//             failures in a row                 back-off over: begin()
//   Closed ---------------------> Open -------------------------------> HalfOpen
//     ^                            ^  \<-- failed(): longer back-off ------/  |
//     \----------------------------+------------------------- succeeded() ----/
//
// Half-open is one trial: nobody else may try until it has a verdict.

#include <cstdint>

#include "base/time.h"

namespace weir::sched {

struct BreakerSettings {
  std::uint32_t failures = 3;  // in a row, until it opens; 0: never
  Duration backoff_min = std::chrono::seconds(1);
  Duration backoff_max = std::chrono::seconds(30);
  Duration steady_for{0};  // since it opened: so long the back-off does not grow
};

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };

  explicit Breaker(const BreakerSettings& settings) : settings_(settings) {}

  State state() const { return state_; }
  bool may_try(TimePoint now) const;
  // A try starts; may_try() was true.
  void begin(TimePoint now);
  void succeeded();
  // `random`: any 32 random bits; the back-off is between one and one and a half times its step,
  // so that many breakers do not try at once.
  void failed(TimePoint now, std::uint32_t random);
  // The try ended without a word about the server (its client went): half-open is open again.
  void given_up(TimePoint now);

  TimePoint opened() const { return opened_; }      // since when without a success; if not closed
  TimePoint next_try() const { return next_try_; }  // while open

 private:
  void open(TimePoint now, std::uint32_t random);

  BreakerSettings settings_;
  State state_ = State::kClosed;
  std::uint32_t failures_ = 0;  // in a row
  std::uint32_t openings_ = 0;  // in a row, since the back-off grows
  TimePoint opened_{};
  TimePoint next_try_{};
};

}  // namespace weir::sched
