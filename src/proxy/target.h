#pragma once
// The target of a request ("/path?query") as rules look at it and change it. Pure; `out` keeps its
// memory from one call to the next.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/glob.h"

namespace weir::proxy {

std::string_view path_of(std::string_view target);

// The path in the one spelling that rules are compared with, so that none is evaded by another:
// percent-escapes decoded (RFC 3986 §6.2.2.2), that of "/" too, for which many an origin takes it,
// "." and ".." resolved (§5.2.4), several "/" as one. A view of `target` where that is the same,
// else of `out`.
std::string_view plain_path(std::string_view target, std::string& out);

// Appends `target` to `out` without the query parameters whose names `dropped` match, the others
// in the order of their names if `sorted` (those of one name stay in theirs). Without any left the
// "?" goes, too. Names are compared as they are spelled.
void edit_query(std::string_view target, const std::vector<Glob>& dropped, bool sorted,
                std::string& out);

}  // namespace weir::proxy
