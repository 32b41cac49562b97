#pragma once
// HTTP dates (RFC 9110 §5.6.7): IMF-fixdate written; the three formats read, strictly but for the
// case of letters (RFC 9111 §4.2). The day name must be one, but need not be the right one; second
// 60 is read. Any other zone than GMT is invalid.

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::http {

std::string print_date(WallTime t);  // "Sun, 06 Nov 1994 08:49:37 GMT"; years 0 to 9999
// `now` settles the century of the RFC 850 form (more than 50 years ahead means the past).
std::optional<WallTime> parse_date(std::string_view text, WallTime now);

}  // namespace weir::http
