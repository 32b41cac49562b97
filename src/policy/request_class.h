#pragma once
// What a request allows before anything is looked up (RFC 9111 §3, §4, §5.2.1).

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "http/head.h"
#include "policy/rules.h"

namespace weir::policy {

enum class Use : std::uint8_t {
  kLookup,  // may be answered from the cache; its response may be stored
  kPass,    // straight to the origin, nothing stored
};

struct RequestClass {
  Use use = Use::kLookup;
  // For kPass, static text: "method", "request_body" (content in a GET has no meaning of its own,
  // RFC 9110 §9.3.1, but may change what the origin answers), "upgrade" (one that the rules allow).
  std::string_view reason;
  bool must_validate =
      false;              // no-cache, max-age=0, Pragma: a stored response only after validation
  bool no_store = false;  // the response must not be stored
  bool only_if_cached = false;  // 504 rather than a fetch
  std::optional<Seconds> max_age, min_fresh, max_stale;
  std::optional<Seconds> stale_if_error;  // RFC 5861 §4: in requests too
  bool any_max_stale = false;
  bool authorization = false;  // response storable only under RFC 9111 §3.5
  bool upgrade = false;        // kPass because of Upgrade
  bool invalidates = false;    // unsafe method: a non-error answer invalidates (RFC 9111 §4.4)
};

// Cheap for the common request (no field that matters): one mask test.
RequestClass classify(const http::Request& request, const Rules& rules);

}  // namespace weir::policy
