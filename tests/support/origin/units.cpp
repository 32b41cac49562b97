#include "support/origin/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace weir::test::origin {

namespace {

template <typename Number>
bool read_number(std::string_view text, Number& value, std::string_view& rest) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) {
    return false;
  }
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return true;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  std::string_view rest;
  if (!read_number(text, value, rest) || !rest.empty()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    int shift;
  };
  static constexpr std::array<Unit, 5> kUnits{
      {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
  std::uint64_t value = 0;
  std::string_view rest;
  if (!read_number(text, value, rest)) {
    return std::nullopt;
  }
  for (const Unit& unit : kUnits) {
    if (rest == unit.name && value <= (UINT64_MAX >> unit.shift)) {
      return value << unit.shift;
    }
  }
  return std::nullopt;
}

std::optional<Micros> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double micros;
  };
  static constexpr std::array<Unit, 4> kUnits{{{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"min", 60e6}}};
  double value = 0;
  std::string_view rest;
  if (!read_number(text, value, rest) || !(std::abs(value) < 1e9)) {
    return std::nullopt;
  }
  for (const Unit& unit : kUnits) {
    if (rest == unit.name) {
      return Micros(std::llround(value * unit.micros));
    }
  }
  return std::nullopt;
}

std::string format_date(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %T GMT", &parts)};
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %T GMT", &parts);
  if (end == nullptr || *end != '\0') {
    return std::nullopt;
  }
  return ::timegm(&parts);
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(at + 1, 2);
    const char* end = digits.data() + digits.size();
    if (digits.size() != 2 || std::from_chars(digits.data(), end, value, 16).ptr != end) {
      return std::nullopt;
    }
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace weir::test::origin
