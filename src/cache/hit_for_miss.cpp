#include "cache/hit_for_miss.h"

#include <algorithm>

namespace weir::cache {

void HitForMiss::set(const Digest& key, Whom whom, WallTime until) {
  if (marks_.empty()) marks_.resize(kMost);
  const auto ways = std::span(marks_).subspan(bucket(key), kWays);
  auto place =
      std::ranges::find_if(ways, [&](const Mark& m) { return m.key == key && m.whom == whom; });
  if (place == ways.end()) place = std::ranges::min_element(ways, {}, &Mark::until);
  *place = {key, until, whom};
}

void HitForMiss::clear(const Digest& key, Whom whom) {
  if (marks_.empty()) return;
  for (Mark& m : std::span(marks_).subspan(bucket(key), kWays)) {
    if (m.key == key && m.whom == whom) m = {};
  }
}

bool HitForMiss::stands(const Digest& key, bool authorized, WallTime now) const {
  if (marks_.empty()) return false;
  return std::ranges::any_of(std::span(marks_).subspan(bucket(key), kWays), [&](const Mark& m) {
    return m.key == key && m.until > now && (authorized || m.whom == Whom::kEveryone);
  });
}

}  // namespace weir::cache
