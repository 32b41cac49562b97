#include "proxy/hole_fill.h"

#include <algorithm>

#include "proxy/disk_fill.h"

namespace weir::proxy {
namespace {

// A range of an absent part of an object is fetched in pieces of this size, bytes: enough to pay
// for the request, little enough not to push out what others read.
constexpr std::uint64_t kFillWindow = 32 * body::kChunkSize;
// How often in a row a hole at about the same place is asked for. A fill tries again by itself.
constexpr std::uint32_t kHoleAttempts = 2;
// The same of a disk: where many read much more than memory holds, what came may be gone again
// before its reader gets to it.
constexpr std::uint32_t kDiskAttempts = 64;

}  // namespace

void HoleTries::at(std::uint64_t offset) {
  const bool here = offset - at_ < body::kChunkSize && at_ != body::kUnlimited;
  if (!here) fetches_ = reads_ = 0;
  at_ = offset;
}
bool HoleTries::may_read() const { return reads_ < kDiskAttempts; }
bool HoleTries::may_fetch() const { return fetches_ < kHoleAttempts; }

HoleFill::Way HoleFill::choose(House& house, const cache::Key& key,
                               const Ref<cache::Object>& object, const body::Hole& hole) {
  tries_.at(hole.offset);
  const bool try_disk = house.shelf && tries_.may_read();
  if (try_disk && DiskFill::start(house, key, object, hole, {})) {
    tries_.read();
    return Way::kDisk;
  }
  if (!object->body().refillable() || !tries_.may_fetch()) return Way::kNone;
  tries_.fetched();
  return Way::kFetch;
}

void HoleFill::aim(FetchPlan& plan, std::uint64_t keep_limit, const Ref<cache::Object>& object,
                   const body::Hole& hole, std::optional<std::uint64_t> last) {
  plan.object = object;
  plan.first = hole.offset;
  plan.end = hole.end;
  if (last) plan.end = std::min(plan.end, *last - *last % body::kChunkSize + body::kChunkSize);
  const bool fits = object->body().total().value_or(0) <= keep_limit;
  if (!fits) plan.end = std::min(plan.end, plan.first + kFillWindow);
  if (const store::DiskBody* disk = cache::Shelf::disk_body(*object)) {
    const auto next = static_cast<std::uint32_t>(plan.first / body::kChunkSize) + 1;
    plan.end = std::min(plan.end, std::uint64_t{disk->next_chunk(next)} * body::kChunkSize);
  }
}

}  // namespace weir::proxy
