#include "app/log_text.h"

#include <algorithm>
#include <array>

namespace weir::app {
namespace {

using std::string_view;

constexpr char kHex[] = "0123456789abcdef";
// The length of the UTF-8 sequence that `text` begins with, 0 if it is none (RFC 3629 §4).
std::size_t utf8_length(string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if (lead == 0xe0 && second < 0xa0) return 0;  // overlong
  if (lead == 0xed && second > 0x9f) return 0;  // surrogates
  if (lead == 0xf0 && second < 0x90) return 0;  // overlong
  if (lead == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  return length;
}

// True: the byte stands for itself in both formats.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// Whether all eight bytes are plain: none has its top bit set, is below 0x20, or is zero when
// compared with one of the others.
bool plain_word(std::uint64_t w) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kTop = 0x80 * kEach;
  const auto has = [](std::uint64_t word, std::uint64_t byte) {
    const std::uint64_t x = word ^ (byte * kEach);
    return (x - kEach) & ~x;
  };
  return ((w | (w - 0x20 * kEach) | has(w, '"') | has(w, '\\') | has(w, 0x7f)) & kTop) == 0;
}

std::size_t plain_run(string_view text) {
  std::size_t n = 0;
  for (std::uint64_t word = 0; n + sizeof word <= text.size(); n += sizeof word) {
    std::memcpy(&word, text.data() + n, sizeof word);
    if (!plain_word(word)) break;
  }
  while (n < text.size() && kPlain[static_cast<unsigned char>(text[n])]) ++n;
  return n;
}

// One character that is not plain: a short escape, UTF-8 as it is, or \u00XX. Returns its length.
std::size_t put_json_special(char*& at, string_view text) {
  const char c = text.front();
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    *at++ = '\\';
    *at++ = c;
    return 1;
  }
  if (const std::size_t length = byte >= 0x80 ? utf8_length(text) : 0) {
    at = put(at, text.substr(0, length));
    return length;
  }
  at = put(at, "\\u00");
  *at++ = kHex[byte >> 4];
  *at++ = kHex[byte & 15];
  return 1;
}

}  // namespace

char* put_three_digits(char* at, unsigned value) {
  *at++ = static_cast<char>('0' + value / 100);
  *at++ = static_cast<char>('0' + value / 10 % 10);
  *at++ = static_cast<char>('0' + value % 10);
  return at;
}

char* put_milliseconds(char* at, Duration d) {
  const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(d.count(), 0) / 1000);
  at = put_number(at, us / 1000);
  *at++ = '.';
  return put_three_digits(at, static_cast<unsigned>(us % 1000));
}

char* put_json(char* at, string_view text) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    at = put(at, text.substr(0, run));
    text.remove_prefix(run);
    if (!text.empty()) text.remove_prefix(put_json_special(at, text));
  }
  return at;
}

char* put_combined(char* at, string_view text) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    at = put(at, text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text.front());
    at = put(at, "\\x");
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
    text.remove_prefix(1);
  }
  return at;
}
char* put_combined_or_dash(char* at, string_view text) {
  return text.empty() ? put(at, "-") : put_combined(at, text);
}

}  // namespace weir::app
