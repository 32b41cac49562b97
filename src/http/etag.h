#pragma once
// Entity tags (RFC 9110 §8.8.3) and their two comparisons.

#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

struct ETag {
  std::string_view opaque;  // with the quotes; a view into the parsed text
  bool weak = false;
};

std::optional<ETag> parse_etag(std::string_view text);
bool strong_match(const ETag& a, const ETag& b);
bool weak_match(const ETag& a, const ETag& b);
// If-None-Match / If-Match: "*" or a list, against the entity tag of what is stored (nothing when
// it has none). "*" matches anything stored: ask only when something is. Malformed members never
// match.
bool any_weak_match(std::string_view list, std::optional<ETag> stored);
bool any_strong_match(std::string_view list, std::optional<ETag> stored);
// The list with each weak tag as the strong one of the same text.
std::string strong_twins(std::string_view list);

}  // namespace weir::http
