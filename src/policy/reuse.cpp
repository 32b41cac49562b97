#include "policy/reuse.h"

#include <algorithm>

namespace weir::policy {

ReuseVerdict may_reuse(const RequestClass& request, const Freshness& stored, WallTime now) {
  const Seconds age = stored.age(now);
  const Seconds ttl = stored.lifetime - age;

  if (stored.no_cache) return {Reuse::kValidate, "no_cache"};                // §5.2.2.4
  if (request.must_validate) return {Reuse::kValidate, "request_no_cache"};  // §5.2.1.4
  if (request.max_age && age > *request.max_age) {
    return {Reuse::kValidate, "request_max_age"};  // §5.2.1.1
  }
  if (request.min_fresh && ttl < *request.min_fresh) {
    return {Reuse::kValidate, "request_min_fresh"};  // §5.2.1.3
  }
  if (ttl > Seconds{0}) return {Reuse::kFresh, "fresh"};
  if (stored.must_revalidate) return {Reuse::kValidate, "must_revalidate"};  // §5.2.2.2

  const Seconds staleness = -ttl;
  if (request.max_stale ? staleness <= *request.max_stale : request.any_max_stale) {
    return {Reuse::kStaleServe, "request_max_stale"};  // §5.2.1.2
  }
  if (!request.max_age && staleness < stored.stale_while_revalidate) {
    return {Reuse::kStaleServe, "stale_while_revalidate"};
  }
  return {Reuse::kValidate, "stale"};
}

bool may_serve_on_error(const RequestClass& request, const Freshness& stored, WallTime now) {
  if (stored.no_cache || request.must_validate) return false;
  const Seconds staleness = -stored.ttl(now);
  if (staleness < Seconds{0}) return true;
  if (stored.must_revalidate) return false;
  return staleness < std::max(stored.stale_if_error, request.stale_if_error.value_or(Seconds{0}));
}

}  // namespace weir::policy
