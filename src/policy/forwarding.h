#pragma once
// Heads on their way through (RFC 9110 §7.6): what is removed and what is added.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "http/head.h"

namespace weir::policy {

enum class Forwarded : std::uint8_t { kOff, kXForwardedFor, kForwarded, kBoth };

struct ForwardRules {
  Forwarded forwarded = Forwarded::kXForwardedFor;
  bool via = true;
  std::string_view host = {};  // Host for the origin; empty: the client's
};

struct ClientFacts {
  std::string_view address;  // without port, IPv6 without brackets
  std::string_view scheme;   // "http" or "https"
};

// How often an OPTIONS or TRACE may still be forwarded by its Max-Forwards (RFC 9110 §7.6.2);
// nothing: as often as it takes. At 0 the caller answers by itself.
std::optional<std::uint64_t> hops_left(const http::Request& request);

// The request as the origin gets it: method, target, end-to-end fields (all but hop-by-hop ones and
// those named in Connection), Host, Via, X-Forwarded-*, Max-Forwards less one where it counts.
// Framing fields are not included, nor are `framing` and `length` set: the caller adds them. `to`
// is cleared first. With `for_storing`, Range, If-* and Expect of the client are left out, so that
// the answer is whole and can be kept.
//
// The host is told in lower case and without a default port, as it stands in the key: else one who
// asks for "a:80" could have an answer stored for "a" that was made for another Host.
//
// Connection can only take away fields that Weir does not know: a client that names Cookie, Host
// or X-Forwarded-For there would have the origin answer another request than the one we key
// (hop-by-hop header abuse). fields.def says which are end-to-end; RFC 9110 §7.6.1 forbids senders
// to name such fields.
//
// kXForwardedFor and kBoth append to X-Forwarded-For and replace X-Forwarded-Proto and
// X-Forwarded-Host, which are not part of the key and so must not be the client's to choose.
void forward_request(const http::Request& from, const ForwardRules& rules,
                     const ClientFacts& client, bool for_storing, http::Request& to);

// Makes `to`, as forward_request(for_storing) left it, a validation of `stored`: If-None-Match with
// its ETag and If-Modified-Since with its Last-Modified (RFC 9111 §4.3.1). Nothing for a stored
// response that cannot be validated (admission.h).
void add_validators(const http::Response& stored, http::Request& to);

// The response as it is stored or passed on: without hop-by-hop fields, those named in Connection
// (under the same rule), those meant for proxies (RFC 9111 §3.1), and Content-Length (the caller
// frames anew); Via added; Date set to `received` when missing or invalid (RFC 9110 §6.6.1). In
// place.
void clean_response(http::Response& response, bool via, WallTime received);

}  // namespace weir::policy
