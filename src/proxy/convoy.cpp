#include "proxy/convoy.h"

#include <algorithm>

namespace weir::proxy {
namespace {

std::uint64_t rate(std::uint64_t bytes, Duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return bytes / static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 1)) * 1000;
}

}  // namespace

void Convoy::open(TimePoint now, std::uint64_t offset) {
  waiting_ = false;
  since_ = now;
  from_ = offset;
}

bool Convoy::leave_behind(TimePoint now, std::uint64_t offset, bool waited) {
  if (!waiting_) {
    if (!waited) return false;
    pace_ = rate(offset - from_, now - since_);
    open(now, offset);
    waiting_ = true;
    return false;
  }
  if (now - since_ < kWindow) return false;
  const std::uint64_t moved = offset - from_;
  const bool together = moved > 0 && rate(moved, now - since_) * kShare >= pace_;
  open(now, offset);
  waiting_ = waited && together;
  return waited && !together;
}

}  // namespace weir::proxy
