#pragma once
// What else an unsafe request has changed (RFC 9111 §4.4).

#include <string>
#include <string_view>
#include <vector>

#include "http/head.h"

namespace weir::policy {

// Whether the answer to an unsafe request makes what is stored under its URI invalid: one that is
// no error, 2xx or 3xx.
bool invalidates(int status);

// The URIs that Location and Content-Location of such an answer name beside its own, resolved
// against `uri` (RFC 3986 §5.2) and spelled like it: "http://example.org/path?query", lower-case
// host without a default port. Only those of the very same scheme, host and port: nobody may
// invalidate what belongs to another. Without `uri` itself.
std::vector<std::string> also_invalidated(std::string_view uri, const http::Response& response);

// Whether Content-Location says that the response is what a GET of `uri` would bring.
bool content_location_is(std::string_view uri, const http::Response& response);

}  // namespace weir::policy
