#include "proxy/fill_policy.h"

namespace weir::proxy {

FillVerdict worth_finishing(const FillState& s) {
  if (!s.kept) return {false, "not_kept"};
  if (s.total && *s.total > s.keep_limit) return {false, "larger_than_store"};
  if (!s.total && s.received > s.keep_limit) return {false, "larger_than_store"};
  return {true, "cacheable"};
}

}  // namespace weir::proxy
