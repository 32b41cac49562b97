#pragma once
// What the http fuzzers share: how an input is cut up, and what is true of any head that may pass.

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "http/outcome.h"

namespace weir::http::fuzz {

// The first two bytes of the fuzzer's input say where the rest is cut, the third which limits hold.
struct Input {
  std::string_view text;
  test::Cuts cuts;
  HeadLimits limits;
};

inline Input read_input(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return {};
  Input input;
  input.text = {reinterpret_cast<const char*>(data) + 3, size - 3};
  if (input.text.empty()) return input;
  const std::size_t a = data[0] % input.text.size();
  const std::size_t b = data[1] % input.text.size();
  input.cuts = {std::min(a, b), std::max(a, b)};
  if (data[2] % 4 == 0) input.limits = {.head_bytes = 64, .target_bytes = 16, .fields = 3};
  return input;
}

// A naive second reading of a whole head: only CRLF ends lines, no line but the last is empty, no
// line is folded, none holds a control character, and there is one line for each field.
inline void check_head(std::string_view head, std::size_t fields) {
  WEIR_CHECK(head.ends_with("\r\n\r\n"));
  head.remove_suffix(2);
  std::size_t lines = 0;
  for (; !head.empty(); ++lines) {
    const std::size_t end = head.find("\r\n");
    WEIR_CHECK(end != std::string_view::npos && end != 0);
    const std::string_view line = head.substr(0, end);
    WEIR_CHECK(line[0] != ' ' && line[0] != '\t');
    WEIR_CHECK(lines == 0 || line.find(':') != std::string_view::npos);
    for (char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      WEIR_CHECK((byte >= 0x20 && byte != 0x7f) || byte == '\t');
    }
    head.remove_prefix(end + 2);
  }
  WEIR_CHECK(lines == fields + 1);
}

}  // namespace weir::http::fuzz
