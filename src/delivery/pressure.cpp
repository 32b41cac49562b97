#include "delivery/pressure.h"

#include <algorithm>

namespace weir::delivery {
namespace {

// What a connection costs that holds nothing else: its session and the kernel's socket.
constexpr std::uint64_t kLeastHeld = 4096;

double burden(const Holder& holder) {
  return static_cast<double>(std::max(holder.bytes_held, kLeastHeld)) *
         std::chrono::duration<double>(holder.standstill).count();
}

}  // namespace

std::size_t choose_victims(std::span<Holder> holders, const Need& need) {
  if (need.bytes == 0 && need.connections == 0) return 0;
  const auto end = std::partition(holders.begin(), holders.end(), [](const Holder& holder) {
    return !holder.progressing && holder.standstill > Duration::zero();
  });
  std::sort(holders.begin(), end, [](const Holder& a, const Holder& b) {
    const double x = burden(a);
    const double y = burden(b);
    return x != y ? x > y : a.id < b.id;
  });
  std::uint64_t freed = 0;
  std::size_t victims = 0;
  for (auto at = holders.begin(); at != end; ++at, ++victims) {
    if (freed >= need.bytes && victims >= need.connections) break;
    freed += at->bytes_held;
  }
  return victims;
}

}  // namespace weir::delivery
