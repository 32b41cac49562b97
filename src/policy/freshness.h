#pragma once
// Freshness (RFC 9111 §4.2): settled once when a response arrives, then only arithmetic on a hit.

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "http/cache_control.h"
#include "http/head.h"
#include "policy/rules.h"

namespace weir::policy {

enum class LifetimeSource : std::uint8_t {
  kNone,
  kSMaxage,
  kMaxAge,
  kExpires,
  kHeuristic,
  kSiteDefault,
  kSiteRule,
};

inline constexpr Seconds kMostSeconds{Rules::kForever};  // RFC 9111 §1.2.2

// What a stored response keeps of its cache-related fields: 32 bytes, trivially copyable. Seconds
// that come from the network lie between 0 and 2^31 (RFC 9111 §1.2.2), and so have 32 bits here; in
// sums with Seconds they have 64. Points in time count from 1970 to 2106.
struct Freshness {
  using Span = std::chrono::duration<std::uint32_t>;
  using Point = std::chrono::sys_time<Span>;

  Point response_time{};           // when its head came
  Span initial_age{0};             // corrected_initial_age (§4.2.3)
  Span lifetime{0};                // freshness_lifetime (§4.2.1)
  Span stale_while_revalidate{0};  // RFC 5861 §3, or the site's grace
  Span stale_if_error{0};          // RFC 5861 §4, or the site's
  Span keep = kMostSeconds;        // what is stale for longer is of no use any more
  // The origin has failed: till then what stale_if_error allows is served at once, and the origin
  // asked in the background. See resting().
  Point resting_until{};
  LifetimeSource source = LifetimeSource::kNone;
  bool must_revalidate : 1 = false;    // or proxy-revalidate, s-maxage (§5.2.2.10): never stale
  bool no_cache : 1 = false;           // stored, but never reused without validation (§5.2.2.4)
  bool has_etag : 1 = false;           // the field is there, well-formed or not: can be sent back
  bool has_strong_etag : 1 = false;    // well-formed and strong: a cut body may be resumed by it
  bool has_last_modified : 1 = false;  // a valid date

  bool can_validate() const { return has_etag || has_last_modified; }
  Seconds age(WallTime now) const;  // current_age (§4.2.3)
  Seconds ttl(WallTime now) const;  // lifetime - age; negative when stale
  bool fresh(WallTime now) const { return ttl(now) > Seconds{0}; }
  bool kept(WallTime now) const { return -ttl(now) <= keep; }
  // Makes it stale from `at` on, if it is not yet, as though its lifetime had ended then.
  void end(WallTime at);
  // Whether requests that waited for it may be answered with it too (RFC 9111 §4, the note on
  // collapsed requests). Not where each needs a validation of its own: no-cache (§5.2.2.4), and
  // what says or implies that it is never fresh, as pages do that are made for one user. Where a
  // response was fresh for some time at its origin, that it is stale by now is our waiting.
  bool serves_waiters() const;
};

static_assert(sizeof(Freshness) == 32);

// The directives that speak to this cache: those of the first targeted field that is there and
// valid (RFC 9213 §2.2), else those of Cache-Control. Targeted ones hide Expires, too.
http::CacheControl directives_of(const http::Response& response, const Rules& rules);

// Whether the response says itself how long it is fresh (§4.2.1).
bool has_explicit_lifetime(const http::Response& response, const http::CacheControl& cc);

// RFC 9110 §15.1: 200 203 204 206 300 301 308 404 405 410 414 501.
bool heuristically_cacheable(int status);

// `request_time`: when the request was sent to the origin (§4.2.3).
Freshness freshness_of(const http::Response& response, const http::CacheControl& cc,
                       const Rules& rules, WallTime request_time, WallTime response_time);

}  // namespace weir::policy
