#pragma once
// Numbers with units as a conf writes them: "64 KiB", "10 s", "2 MB/s". KiB, MiB, GiB and TiB are
// powers of 1024, KB, MB, GB and TB powers of 1000. A unit is required, also behind 0; fractions
// are not taken. Pure; parsing is constexpr, so that the defaults in params.def are checked by the
// compiler.

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace weir::app {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// The first unit of each list is the one that zero is printed in.
inline constexpr std::array kByteUnits = {
    Unit{"B", 1},
    Unit{"KiB", 1ULL << 10},
    Unit{"MiB", 1ULL << 20},
    Unit{"GiB", 1ULL << 30},
    Unit{"TiB", 1ULL << 40},
    Unit{"KB", 1000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000ULL},
    Unit{"TB", 1'000'000'000'000ULL},
};
inline constexpr std::array kRateUnits = {
    Unit{"B/s", 1},
    Unit{"KiB/s", 1ULL << 10},
    Unit{"MiB/s", 1ULL << 20},
    Unit{"GiB/s", 1ULL << 30},
    Unit{"TiB/s", 1ULL << 40},
    Unit{"KB/s", 1000},
    Unit{"MB/s", 1'000'000},
    Unit{"GB/s", 1'000'000'000ULL},
    Unit{"TB/s", 1'000'000'000'000ULL},
};
inline constexpr std::array kDurationUnits = {
    // in nanoseconds
    Unit{"s", 1'000'000'000ULL},    Unit{"ms", 1'000'000},           Unit{"min", 60'000'000'000ULL},
    Unit{"h", 3600'000'000'000ULL}, Unit{"d", 86400'000'000'000ULL},
};

enum class QuantityFault : std::uint8_t { kNone, kNoNumber, kNoUnit, kUnknownUnit, kTooLarge };

// `number` and `unit` are views into the text that was parsed. A value never exceeds 2^63-1.
struct Quantity {
  QuantityFault fault = QuantityFault::kNone;
  std::uint64_t value = 0;
  std::string_view number;
  std::string_view unit;
};

inline constexpr std::uint64_t kQuantityMax = std::numeric_limits<std::int64_t>::max();

// Decimal digits only; false on overflow, an empty text or anything else in it.
constexpr bool parse_digits(std::string_view text, std::uint64_t& value) {
  value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kQuantityMax - digit) / 10) return false;
    value = value * 10 + digit;
  }
  return !text.empty();
}

constexpr Quantity parse_quantity(std::string_view text, std::span<const Unit> units) {
  Quantity q;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  q.number = text.substr(0, digits);
  const std::size_t unit = std::min(text.find_first_not_of(' ', digits), text.size());
  q.unit = text.substr(unit);
  if (q.number.empty()) {
    q.fault = QuantityFault::kNoNumber;
  } else if (q.unit.empty()) {
    q.fault = QuantityFault::kNoUnit;
  } else {
    q.fault = QuantityFault::kUnknownUnit;
    for (const Unit& u : units) {
      if (u.name != q.unit) continue;
      const bool fits = parse_digits(q.number, q.value) && q.value <= kQuantityMax / u.factor;
      q.fault = fits ? QuantityFault::kNone : QuantityFault::kTooLarge;
      q.value *= u.factor;
    }
  }
  return q;
}

// The exact value with the unit that needs the smallest number: 65536 bytes are "64 KiB".
// A duration that is no whole number of milliseconds cannot come from a conf and is cut.
std::string format_quantity(std::uint64_t value, std::span<const Unit> units);

// The unit that was probably meant ("sec" -> "s", "kib" -> "KiB", "M" -> "MiB"), or empty.
std::string_view likely_unit(std::string_view wrong, std::span<const Unit> units);

}  // namespace weir::app
