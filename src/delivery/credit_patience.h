#pragma once
// CreditPatience: may a stream of HTTP/2 stand still so long? The credit of flow control is to a
// stream what the window is to a connection (delivery/patience.h): a client that has none left for
// it and gives none does not read it. The same rule holds: zero_window_timeout in all, bought back
// by the bytes that its credit let through, at trickle_rate. Its siblings and the connection are
// judged for themselves. Time in which the worker was late is not counted.

#include <cstdint>

#include "delivery/allowance.h"
#include "delivery/patience.h"

namespace weir::delivery {

class CreditPatience {
 public:
  explicit CreditPatience(const Settings& settings) : settings_(&settings) {}

  void begin(TimePoint now);
  // Once in look_every or so, while there is something to send. `sent`: bytes of the stream so far.
  // `shut`: it has no credit, of its own or of the connection's. Returns whether it may stay.
  bool on(TimePoint now, std::uint64_t sent, bool shut, Duration loop_lag);
  Duration shut_for() const { return shut_for_; }  // in all
  bool shut() const { return shut_; }              // at the last look
  // How long it may still stay as it is. Of meaning while shut().
  Duration left() const { return left_.left(); }

 private:
  const Settings* settings_;
  Allowance left_;
  TimePoint last_{};
  std::uint64_t sent_ = 0;
  Duration shut_for_{0};
  bool shut_ = false;  // at the last look
};

}  // namespace weir::delivery
