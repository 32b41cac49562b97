#pragma once
// Pressure: memory or descriptors ran short, so somebody must go: those first who hold much and
// have stood still for long. Never one that makes progress, however much it holds.

#include <cstdint>
#include <span>

#include "base/time.h"

namespace weir::delivery {

// A connection that may be sacrificed. Those that owe nothing and serve nobody (idle, lingering,
// slow heads) are closed first, by whoever holds them; they are not for this choice.
struct Holder {
  std::uint64_t id = 0;
  std::uint64_t bytes_held = 0;  // Weir's and the kernel's on its behalf
  Duration standstill{0};        // Patience::standstill()
  bool progressing = true;       // Patience::progressing()
};

struct Need {
  std::uint64_t bytes = 0;
  std::size_t connections = 0;
};

// Moves the victims to the front, the worst (bytes held x standstill) first, and returns how many
// they are: enough for both needs, or all that may be taken. Ties by id. O(n log n), allocates
// nothing.
std::size_t choose_victims(std::span<Holder> holders, const Need& need);

}  // namespace weir::delivery
