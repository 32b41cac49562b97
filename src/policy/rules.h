#pragma once
// What a site asks of the policy, beyond the RFCs. Values from the conf file; copied freely.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::policy {

struct Rules {
  Seconds default_ttl{0};          // lifetime for a response that states none; 0: none
  Seconds negative_max{kForever};  // a 4xx or 5xx is not kept for longer, whatever it says
  bool heuristic = true;           // RFC 9111 §4.2.2 from Last-Modified
  Seconds heuristic_max{86400};    // never more than this by heuristics
  // Where the response says nothing of it: how long it may be served stale while it is validated
  // (RFC 5861 §3), and when the origin fails (§4).
  Seconds grace{0};
  Seconds stale_if_error{0};
  Seconds keep{kForever};     // stale ones are of use for validation for so long beyond their grace
  Seconds hit_for_miss{120};  // how long requests pass for which the last response was not kept
  // The request's Cache-Control and Pragma (RFC 9111 §5.2.1, §5.4) are obeyed; false: all ignored.
  bool honour_request_no_cache = true;
  // Responses with Set-Cookie are stored and replayed, as RFC 9111 §7.3 allows, where they state a
  // lifetime; false: only those that say `public` or s-maxage, and so that they are meant for many.
  bool store_set_cookie = true;
  // The name of a field with directives for this cache alone (RFC 9213 §2); it comes before
  // CDN-Cache-Control. Empty: none. The text outlives the rules.
  std::string_view own_target = "Weir-CDN-Cache-Control";

  // The protocols to which a request may switch (upgrade.h). The texts outlive the rules.
  std::span<const std::string> upgrades = {};

  static constexpr std::int64_t kForever = std::int64_t{1} << 31;  // RFC 9111 §1.2.2
  // Lifetimes from the arrival on, whatever the response states: of those below 400, and of errors.
  std::optional<Seconds> ttl = {}, negative_ttl = {};

  std::optional<Seconds> lifetime(int status) const { return status < 400 ? ttl : negative_ttl; }
};

}  // namespace weir::policy
