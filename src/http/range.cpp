#include "http/range.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "http/fields.h"
#include "http/syntax.h"

namespace weir::http {
namespace {

constexpr std::size_t kMaxSpecs = 64;
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// int-range or suffix-range (RFC 9110 §14.1.1)
std::optional<RangeSpec> parse_spec(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = text.substr(0, dash);
  const std::string_view last = text.substr(dash + 1);
  RangeSpec spec{parse_decimal(first, kMax), parse_decimal(last, kMax)};
  if ((!spec.first && !first.empty()) || (!spec.last && !last.empty())) return std::nullopt;
  if (!spec.first && !spec.last) return std::nullopt;
  if (spec.first && spec.last && *spec.first > *spec.last) return std::nullopt;
  return spec;
}

// As parse_decimal, but nothing when it does not fit.
std::optional<std::uint64_t> parse_exact(std::string_view text) {
  const auto value = parse_decimal(text, kMax);
  return value && *value < kMax ? value : std::nullopt;
}

// Both lie below a total, so that one more is still a number.
bool touch(const ByteRange& a, const ByteRange& b) {
  return a.first <= b.last + 1 && b.first <= a.last + 1;
}

// Each range that it takes in may make it touch others.
void add_merged(ByteRange range, std::vector<ByteRange>& ranges) {
  std::size_t place = ranges.size();
  for (std::size_t i = 0; i < ranges.size();) {
    if (!touch(range, ranges[i])) {
      ++i;
      continue;
    }
    range = {std::min(range.first, ranges[i].first), std::max(range.last, ranges[i].last)};
    ranges.erase(ranges.begin() + static_cast<std::ptrdiff_t>(i));
    place = std::min(place, i);
    i = 0;
  }
  place = std::min(place, ranges.size());
  ranges.insert(ranges.begin() + static_cast<std::ptrdiff_t>(place), range);
}

}  // namespace

std::optional<std::vector<RangeSpec>> parse_range(std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos || !iequals(value.substr(0, equals), "bytes")) {
    return std::nullopt;
  }
  std::string_view rest = value.substr(equals + 1);
  if (rest.empty() || is_blank(rest.front())) return std::nullopt;
  std::vector<RangeSpec> specs;
  while (const auto element = next_element(rest)) {
    const auto spec = parse_spec(*element);
    if (!spec || specs.size() == kMaxSpecs) return std::nullopt;
    specs.push_back(*spec);
  }
  if (specs.empty()) return std::nullopt;
  return specs;
}

std::optional<ByteRange> resolve(const RangeSpec& spec, std::uint64_t total) {
  if (total == 0) return std::nullopt;
  if (!spec.first) {
    const std::uint64_t length = std::min(spec.last.value_or(0), total);
    if (length == 0) return std::nullopt;
    return ByteRange{total - length, total - 1};
  }
  if (*spec.first >= total) return std::nullopt;
  return ByteRange{*spec.first, std::min(spec.last.value_or(kMax), total - 1)};
}

std::vector<ByteRange> resolve_all(const std::vector<RangeSpec>& specs, std::uint64_t total) {
  std::vector<ByteRange> ranges;
  for (const RangeSpec& spec : specs) {
    if (const auto range = resolve(spec, total)) add_merged(*range, ranges);
  }
  return ranges;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes ";
  if (!iequals(value.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  value.remove_prefix(kUnit.size());
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view range = value.substr(0, slash);
  const std::string_view total = value.substr(slash + 1);
  ContentRange result;
  if (total != "*") {
    result.total = parse_exact(total);
    if (!result.total) return std::nullopt;
  }
  if (range == "*") return result.total ? std::optional(result) : std::nullopt;
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_exact(range.substr(0, dash));
  const auto last = parse_exact(range.substr(dash + 1));
  if (!first || !last || *first > *last || *last >= result.total.value_or(kMax)) {
    return std::nullopt;  // RFC 9110 §14.4: invalid, must not be combined
  }
  result.range = ByteRange{*first, *last};
  return result;
}

std::string print_content_range(ByteRange range, std::uint64_t total) {
  return fmt::format("bytes {}-{}/{}", range.first, range.last, total);
}

std::string print_content_range_unsatisfied(std::uint64_t total) {
  return fmt::format("bytes */{}", total);
}

}  // namespace weir::http
