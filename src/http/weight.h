#pragma once
// Weights of negotiation: the value of "q" (RFC 9110 §12.4.2).

#include <optional>
#include <string_view>

#include "http/syntax.h"

namespace weir::http {

// In thousandths, 0 to 1000; nothing when `text` is no weight.
constexpr std::optional<unsigned> parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  unsigned value = text[0] == '1' ? 1000 : 0;
  if (text.size() == 1) return value;
  if (text[1] != '.') return std::nullopt;
  unsigned unit = 100;
  for (const char c : text.substr(2)) {
    if (!is_digit(c)) return std::nullopt;
    value += unit * static_cast<unsigned>(c - '0');
    unit /= 10;
  }
  return value <= 1000 ? std::optional(value) : std::nullopt;
}

}  // namespace weir::http
