#pragma once
// Cache-Control directives (RFC 9111 §5.2) of requests and responses, and those of targeted fields
// (RFC 9213).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "http/fields.h"

namespace weir::http {

struct CacheControl {
  // Of a directive that is repeated the value that allows least (the largest min-fresh, the
  // smallest of all others) is kept. Delta-seconds; overflow is clamped to 2^31 (RFC 9111 §1.2.2).
  // A malformed argument counts as 0 for the response's max-age and s-maxage (stale, §4.2.1) and is
  // ignored in requests.
  std::optional<Seconds> max_age, s_maxage, stale_while_revalidate, stale_if_error, min_fresh;
  std::optional<Seconds> max_stale;  // with any_max_stale and no value: any staleness
  bool any_max_stale = false;
  bool no_cache = false, no_store = false, no_transform = false, only_if_cached = false;
  bool is_public = false, is_private = false, must_revalidate = false, proxy_revalidate = false;
  bool must_understand = false, immutable = false;
  // no-cache="Set-Cookie" names the field here and does not set no_cache; likewise private. An
  // empty or malformed list counts as the directive without one.
  std::vector<std::string> no_cache_fields, private_fields;
  bool present = false;   // the field was there at all
  bool targeted = false;  // and is one for caches such as this: Cache-Control and Expires are not
};

CacheControl parse_request_cache_control(const Fields& fields);
CacheControl parse_response_cache_control(const Fields& fields);
// Of the targeted field `name`, a Dictionary of directives. Nothing when it is absent, empty, or
// not to be used: no Structured Field, or a directive we know with a value of another type
// (RFC 9213 §2.1). Numbers below 0 are 0. no-cache and private may have a String or Token of field
// names.
std::optional<CacheControl> parse_targeted_cache_control(const Fields& fields,
                                                         std::string_view name);

}  // namespace weir::http
