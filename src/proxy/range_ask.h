#pragma once
// Range ask: what to ask the origin for when a client wants a range of an object that is not here.
// Whole chunks around it, so that what comes can be kept (RFC 9111 §3.3, §3.4) and the next request
// finds it. Pure.

#include <optional>
#include <string>

#include "http/head.h"
#include "http/range.h"

namespace weir::proxy {

// Nothing: ask for all of it. So for anything but a GET with one range, and for a range that is
// all.
std::optional<http::RangeSpec> range_to_ask(const http::Request& request);

std::string print_range(const http::RangeSpec& spec);  // "bytes=0-1048575"

// Whether a 206 is an answer to `asked` whose bytes can be placed: one part, of a known total, that
// begins at or before what was asked for.
bool answers(const http::RangeSpec& asked, const http::ContentRange& part);

}  // namespace weir::proxy
