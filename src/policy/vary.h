#pragma once
// Vary (RFC 9111 §4.1): which request fields choose the variant, and a comparable text of them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/head.h"

namespace weir::policy {

// Names in lower case, sorted, unique. Nothing: "*" was among them, no request can match.
std::optional<std::vector<std::string>> vary_names(const http::Response& response);

// The values that `request` has for `names`, normalised, in a form that is equal exactly when the
// variants are the same: one line for each name. Appended to `out`, without other allocation;
// absent and empty differ. Normalised means, and no more than RFC 9111 §4.1 allows:
// - the lines of a field joined by commas, white space outside quotes collapsed, and gone beside a
//   comma;
// - Accept-Encoding: the set of codings that are acceptable (RFC 9110 §12.5.3), sorted, without
//   weights; identity unless it is refused, x-gzip as gzip; codings we do not know stay in, so that
//   nobody gets one that he cannot read;
// - Accept-Language: in lower case (RFC 5646 §2.1.1), sorted by weight and then by name: the order
//   of equal weights cannot be relied upon (RFC 9110 §12.5.4), nor their spelling (0.5, 0.500).
void variant_text(const std::vector<std::string>& names, const http::Request& request,
                  std::string& out);

}  // namespace weir::policy
