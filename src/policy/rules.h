#pragma once
// What a site asks of the policy, beyond the RFCs. Values from the conf file; copied freely.

#include <optional>

#include "base/time.h"

namespace weir::policy {

struct Rules {
  Seconds default_ttl{0};        // lifetime for a response that states none; 0: none
  bool heuristic = true;         // RFC 9111 §4.2.2 from Last-Modified
  Seconds heuristic_max{86400};  // never more than this by heuristics
  Seconds grace{0};              // stale_while_revalidate when the response states none
  Seconds keep{0};               // stale objects kept for validation beyond their grace
  // The request's Cache-Control and Pragma (RFC 9111 §5.2.1, §5.4) are obeyed; false: all ignored.
  bool honour_request_no_cache = true;
  // Responses with Set-Cookie are stored, as RFC 9111 §7.3 allows; false: only those that say
  // `public` or s-maxage, and so that they are meant for many.
  bool store_set_cookie = false;
  // Lifetimes from the arrival on, whatever the response states: of those below 400, and of errors.
  std::optional<Seconds> ttl = {}, negative_ttl = {};

  std::optional<Seconds> lifetime(int status) const { return status < 400 ? ttl : negative_ttl; }
};

}  // namespace weir::policy
