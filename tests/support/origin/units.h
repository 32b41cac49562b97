#pragma once
// Sizes, durations and dates as the query of a scripted request spells them.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::test::origin {

using Micros = std::chrono::microseconds;

std::optional<std::uint64_t> parse_number(std::string_view text);
// "4096", "10MiB": bytes. Units B, KiB, MiB, GiB.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "200ms", "8s", "1.5s", "2min", and "-60s": a unit is required.
std::optional<Micros> parse_duration(std::string_view text);

// RFC 9110 §5.6.7, IMF-fixdate; seconds since 1970.
std::string format_date(std::int64_t seconds);
std::optional<std::int64_t> parse_date(std::string_view text);

// "%20" and the like decoded; nothing when an escape is broken. A plus stays a plus.
std::optional<std::string> percent_decoded(std::string_view text);

bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trimmed(std::string_view text);  // of spaces and tabs

}  // namespace weir::test::origin
