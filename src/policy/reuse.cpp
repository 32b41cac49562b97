#include "policy/reuse.h"

#include <algorithm>

namespace weir::policy {
namespace {

// How long clients do not wait for an origin that has just failed.
constexpr Seconds kRest{10};

}  // namespace

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
  if (now < stored.resting_until && may_serve_on_error(request, stored, now)) {
    return {Reuse::kStaleServe, "stale_if_error"};
  }
  return {Reuse::kValidate, "stale"};
}

bool may_serve_on_error(const RequestClass& request, const Freshness& stored, WallTime now) {
  if (stored.no_cache || request.must_validate) return false;
  const Seconds staleness = -stored.ttl(now);
  if (staleness < Seconds{0}) return true;
  if (stored.must_revalidate) return false;
  if (request.max_age && !request.stale_if_error && stored.age(now) > *request.max_age)
    return false;
  return staleness <
         std::max<Seconds>(stored.stale_if_error, request.stale_if_error.value_or(Seconds{0}));
}

bool is_failure(int status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

Freshness resting(const Freshness& stored, WallTime now) {
  Freshness f = stored;
  f.resting_until = now + kRest;
  return f;
}

}  // namespace weir::policy
