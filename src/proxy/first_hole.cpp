#include "proxy/first_hole.h"

namespace weir::proxy {

std::optional<body::Hole> first_hole(const cache::Object& object, const policy::Answer& answer) {
  const bool whole = !object.shared() || object.part() || object.body().complete();
  const bool content = answer.body && (answer.status == 200 || answer.status == 206);
  if (whole || !content) return {};
  const std::uint64_t first = answer.range           ? answer.range->first
                              : answer.parts.empty() ? 0
                                                     : answer.parts.front().first;
  return object.body().hole(first);
}

}  // namespace weir::proxy
