#pragma once
// What the client connections of one worker have done. Written by that worker; any thread may read.

#include <array>

#include "base/count.h"
#include "base/error.h"
#include "delivery/close_reason.h"
#include "delivery/sample.h"

namespace weir::front {

struct Stats {
  Count accepted;                                     // connections
  std::array<Count, delivery::kCloseReasons> closed;  // of them, by CloseReason
  std::array<Count, delivery::kPhases> open;          // by Phase, as Frontend::relieve() saw them
  std::array<Count, kErrcs> refused;                  // requests answered here, by Errc
  Count sent_bytes;   // handed to the kernel: heads, bodies and their framing
  Count acked_bytes;  // of these, as the samples and next requests of clients have shown

  // Adds the numbers of another; the caller is the writer of this one.
  void merge(const Stats& other);
};

}  // namespace weir::front
