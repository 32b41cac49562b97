#pragma once
// Character classes and the small grammars that many fields share (RFC 9110 §5.6, RFC 5234 B.1).

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

// Bits of kCharClass.
inline constexpr std::uint8_t kTokenChar = 1;   // tchar, RFC 9110 §5.6.2
inline constexpr std::uint8_t kTargetChar = 2;  // visible ASCII but '#': what a target may hold
inline constexpr std::uint8_t kTextChar = 4;    // HTAB, SP, VCHAR, obs-text: values and reasons
inline constexpr std::uint8_t kHostChar = 8;    // unreserved, RFC 3986 §2.3: our reg-name

namespace detail {
consteval std::array<std::uint8_t, 256> char_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](std::string_view chars, std::uint8_t bit) {
    for (char c : chars) {
      auto& entry = classes[static_cast<unsigned char>(c)];
      entry = static_cast<std::uint8_t>(entry | bit);
    }
  };
  constexpr std::string_view kAlphanumeric =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  mark(kAlphanumeric, kTokenChar | kHostChar);
  mark("!#$%&'*+-.^_`|~", kTokenChar);
  mark("-._~", kHostChar);
  for (unsigned c = 0; c < 256; ++c) {
    const bool visible = c > 0x20 && c < 0x7f;
    if (visible && c != '#') classes[c] = static_cast<std::uint8_t>(classes[c] | kTargetChar);
    if (visible || c == ' ' || c == '\t' || c >= 0x80) {
      classes[c] = static_cast<std::uint8_t>(classes[c] | kTextChar);
    }
  }
  return classes;
}
}  // namespace detail

inline constexpr std::array<std::uint8_t, 256> kCharClass = detail::char_classes();

constexpr bool is_char(char c, std::uint8_t classes) {
  return (kCharClass[static_cast<unsigned char>(c)] & classes) != 0;
}
// The length of the longest prefix of that class.
constexpr std::size_t run_of(std::string_view text, std::uint8_t classes) {
  std::size_t n = 0;
  while (n < text.size() && is_char(text[n], classes)) ++n;
  return n;
}
constexpr bool is_token(std::string_view text) {
  return !text.empty() && run_of(text, kTokenChar) == text.size();
}
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Without the spaces and tabs (OWS) around it.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// 1*DIGIT. Numbers above `max` become `max`; nothing when `text` is anything else than digits.
constexpr std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = max < digit || value > (max - digit) / 10 ? max : value * 10 + digit;
  }
  return value;
}

}  // namespace weir::http
