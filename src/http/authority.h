#pragma once
// host[:port], as in Host and in absolute-form and authority-form targets (RFC 9110 §7.2,
// RFC 3986 §3.2). Stricter than the grammar where it could serve only to confuse a cache key: no
// userinfo, no percent-encoding or sub-delims in names, no zone identifiers, no IPvFuture.

#include <string>
#include <string_view>

namespace weir::http {

enum class Port : bool { kOptional, kRequired };

// False when `text` is not valid; otherwise `out` is the authority in lower case, without the colon
// of an empty port. `out` must not share memory with `text`.
bool parse_authority(std::string_view text, Port port, std::string& out);

// Without the port that the scheme ("http", "https") implies: "a:80" is "a" (RFC 9110 §4.2.3).
std::string_view without_default_port(std::string_view scheme, std::string_view authority);

}  // namespace weir::http
