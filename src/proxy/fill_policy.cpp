#include "proxy/fill_policy.h"

namespace weir::proxy {

FillVerdict worth_finishing(const FillState& s, const FillRules& rules) {
  if (!s.kept) return {false, "not_kept"};
  if (s.part) return {false, "part"};
  if (s.total.value_or(s.received) > s.keep_limit) return {false, "larger_than_store"};
  switch (rules.finish) {
    case Finish::kAlways:
      return {true, "always"};
    case Finish::kNever:
      return {false, "never"};
    case Finish::kAuto:
      break;
  }
  if (!s.total) {
    const bool little = s.received <= rules.finish_max;
    return {little, little ? "length_unknown" : "much_without_length"};
  }
  if (*s.total - s.received <= rules.finish_max) return {true, "little_left"};
  if (s.received >= *s.total / 2) return {true, "mostly_done"};
  return {false, "much_left"};
}

FillVerdict worth_awaiting(const FillRules& rules) {
  if (rules.finish == Finish::kNever) return {false, "never"};
  return {true, "head_to_come"};
}

}  // namespace weir::proxy
