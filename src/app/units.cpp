#include "app/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::app {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// What people write for a unit, in lower case.
constexpr std::pair<std::string_view, std::string_view> kHabits[] = {
    {"k", "KiB"},          {"m", "MiB"},       {"g", "GiB"},
    {"t", "TiB"},          {"byte", "B"},      {"bytes", "B"},
    {"k", "KiB/s"},        {"m", "MiB/s"},     {"g", "GiB/s"},
    {"bps", "B/s"},        {"sec", "s"},       {"secs", "s"},
    {"second", "s"},       {"seconds", "s"},   {"msec", "ms"},
    {"millisecond", "ms"}, {"m", "min"},       {"mins", "min"},
    {"minute", "min"},     {"minutes", "min"}, {"hr", "h"},
    {"hour", "h"},         {"hours", "h"},     {"day", "d"},
    {"days", "d"},         {"b", "B/s"},       {"kib", "KiB/s"},
    {"mib", "MiB/s"},      {"gib", "GiB/s"},   {"kb", "KB/s"},
    {"mb", "MB/s"},        {"gb", "GB/s"},     {"milliseconds", "ms"},
};

}  // namespace

std::string format_quantity(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& u : units) {
    const bool shorter = value / u.factor < value / best->factor || value % best->factor != 0;
    if (value != 0 && value % u.factor == 0 && shorter) best = &u;
  }
  if (value % best->factor != 0) best = &*std::ranges::min_element(units, {}, &Unit::factor);
  return fmt::format("{} {}", value / best->factor, best->name);
}

std::string_view likely_unit(std::string_view wrong, std::span<const Unit> units) {
  const std::string word = lower(wrong);
  for (const Unit& u : units) {
    if (lower(u.name) == word) return u.name;
  }
  for (const auto& [habit, name] : kHabits) {
    const auto known = std::ranges::find(units, name, &Unit::name);
    if (habit == word && known != units.end()) return known->name;
  }
  return {};
}

}  // namespace weir::app
