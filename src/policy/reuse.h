#pragma once
// May a stored response answer this request now (RFC 9111 §4)?

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "policy/freshness.h"
#include "policy/request_class.h"

namespace weir::policy {

enum class Reuse : std::uint8_t {
  kFresh,       // serve it
  kStaleServe,  // serve it and revalidate in the background (stale-while-revalidate)
  kValidate,    // ask the origin with its validators first (or fetch anew when it has none)
};

struct ReuseVerdict {
  Reuse reuse = Reuse::kValidate;
  // Static text. kFresh: "fresh". kStaleServe: "stale_while_revalidate", "request_max_stale",
  // "stale_if_error".
  // kValidate: "stale", "must_revalidate", "no_cache", "request_no_cache", "request_max_age",
  // "request_min_fresh".
  std::string_view reason;
};

// The request's own wishes come first, then freshness, then what may be served stale: never against
// must-revalidate and its kin (§4.2.4), and stale-while-revalidate not to a client that gave a
// max-age without max-stale (§5.2.1.1).
ReuseVerdict may_reuse(const RequestClass& request, const Freshness& stored, WallTime now);

// After a failed fetch (an error, or is_failure()): RFC 5861 §4. Still fresh, or stale for less
// than stale-if-error of the response or the request. Not against must-revalidate and its kin, nor
// for a request that said no-cache: that client prefers the error (RFC 9111 §5.2.1.4); nor for one
// that gave a max-age and did not speak of errors.
bool may_serve_on_error(const RequestClass& request, const Freshness& stored, WallTime now);

// The statuses that RFC 5861 §4 calls errors: 500, 502, 503, 504.
bool is_failure(int status);

// What is stored, once its origin has failed: for a while those whom may_serve_on_error() allows it
// need not wait for an answer that will likely be the same. may_reuse() then says kStaleServe.
Freshness resting(const Freshness& stored, WallTime now);

}  // namespace weir::policy
