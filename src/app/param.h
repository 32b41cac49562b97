#pragma once
// What a row of params.def may say: the kinds of values and the C++ types they become.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "app/units.h"
#include "base/time.h"

namespace weir::app {

enum class Kind : std::uint8_t {
  kCount,     // a bare whole number
  kBytes,     // "64 KiB"
  kRate,      // "64 KiB/s"
  kDuration,  // "10 s"
  kBool,      // true, false
  kChoice,    // one of the names of an enum
  kText,      // any string
  kSecret,    // the same; not shown again
  kName,      // letters, digits, "-", "_", "."
  kAddress,   // IP:port, to listen on
  kAdmin,     // IP:port or unix:/path, to listen on, or "off"
  kUnixPath,  // unix:/path, or empty
  kServers,   // a list of host:port, to connect to
  kHosts,     // a list of host patterns: "example.org", "*.example.org", "*"
  kNetworks,  // a list of IP addresses and networks: "10.0.0.0/8"
  // Of rules.
  kRuleName,    // letters, digits, "-", "_", "."; or empty
  kPaths,       // a list of path patterns: "/static/*"
  kMethods,     // a list of methods
  kNames,       // a list of names of cookies or query parameters, with "*"
  kFieldNames,  // a list of names of fields, with "*"
  kFieldTests,  // a list of "Name", "!Name", "Name: value"
  kCodings,     // a list of content codings, or "off"
  kMediaTypes,  // a list of media types, with "*"
  kFieldLines,  // a list of "Name: value"
  kLocation,    // a URI with {host} and the like
};

constexpr bool is_number(Kind k) { return k <= Kind::kDuration; }
constexpr bool is_list(Kind k) {
  return k == Kind::kServers || k == Kind::kHosts || k == Kind::kNetworks ||
         (k >= Kind::kPaths && k <= Kind::kFieldLines);
}

constexpr std::span<const Unit> units_of(Kind k) {
  if (k == Kind::kBytes) return kByteUnits;
  if (k == Kind::kRate) return kRateUnits;
  if (k == Kind::kDuration) return kDurationUnits;
  return {};
}

struct Choice {
  std::string_view name;
  int value;
};

// The name of a row, as confs have it, of the member's.
constexpr std::string_view row_name(std::string_view member) {
  if (member.ends_with('_')) member.remove_suffix(1);
  return member;
}

// A row. Static storage; views into string literals.
struct Param {
  std::string_view table;
  std::string_view name;
  Kind kind;
  bool required = false;
  std::string_view initial;  // the default, or the example where there is none, without quotes
  std::string_view min;
  std::string_view max;
  std::span<const Choice> choices = {};
  std::string_view text;
  bool optional = false;  // has no default and may be left out
};

// The value of a number as params.def writes it: bytes, bytes per second, nanoseconds, a count.
// `ok` is false for a text that a conf could not say either.
struct Literal {
  std::uint64_t value = 0;
  bool ok = false;
};
constexpr Literal number_literal(Kind kind, std::string_view text) {
  Literal l;
  if (kind == Kind::kCount) {
    l.ok = parse_digits(text, l.value);
  } else {
    const Quantity q = parse_quantity(text, units_of(kind));
    l = {q.value, q.fault == QuantityFault::kNone};
  }
  return l;
}

// The type and the value of a default.
template <Kind kind>
constexpr auto literal(std::string_view text) {
  if constexpr (kind == Kind::kDuration) {
    return Duration(static_cast<Duration::rep>(number_literal(kind, text).value));
  } else if constexpr (is_number(kind)) {
    return number_literal(kind, text).value;
  } else if constexpr (kind == Kind::kBool) {
    return text == "true";
  } else if constexpr (is_list(kind)) {
    return std::vector<std::string>{};
  } else {
    return std::string(text);
  }
}
template <Kind kind>
using ParamType = decltype(literal<kind>({}));
// An empty list says nothing, too.
template <Kind kind>
using OptionalType =
    std::conditional_t<is_list(kind), ParamType<kind>, std::optional<ParamType<kind>>>;

// Whether default and bounds are such texts, and min <= default <= max.
constexpr bool sound_row(Kind kind, std::string_view initial, std::string_view min,
                         std::string_view max) {
  if (kind == Kind::kBool) return initial == "true" || initial == "false";
  if (!is_number(kind)) return min.empty() && max.empty();
  const Literal value = number_literal(kind, initial);
  const Literal least = number_literal(kind, min);
  const Literal most = number_literal(kind, max);
  return value.ok && (min.empty() || (least.ok && least.value <= value.value)) &&
         (max.empty() || (most.ok && value.value <= most.value));
}

}  // namespace weir::app
