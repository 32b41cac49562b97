#pragma once
// The texts and numbers that lines of the access log are made of, written to memory of which there
// is enough. `at` is where; each answers where the next byte goes. Any thread.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/time.h"

namespace weir::app {

// What the longest escape makes of one byte: \u00XX of JSON.
inline constexpr std::size_t kMaxGrowth = 6;

inline char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}
inline char* put_number(char* at, std::uint64_t value) {
  return std::to_chars(at, at + 20, value).ptr;
}
char* put_three_digits(char* at, unsigned value);
char* put_milliseconds(char* at, Duration d);  // and three decimals
// Within a string of JSON: valid UTF-8 stays, a byte that is not is \u00XX.
char* put_json(char* at, std::string_view text);
// What could end a field or a line, or is not ASCII, becomes \xXX.
char* put_combined(char* at, std::string_view text);
char* put_combined_or_dash(char* at, std::string_view text);

}  // namespace weir::app
