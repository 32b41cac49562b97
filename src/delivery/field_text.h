#pragma once
// Values of the key=value texts of recordings (sample.h, sample_lines.h). Times are seconds with at
// most 6 digits behind the point, up to about 95 years. Only for delivery/*.cpp.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "delivery/close_reason.h"
#include "delivery/sample.h"

namespace weir::delivery::field_text {

// Each answers whether the text is such a value.
bool parse(std::string_view text, Duration& out);
bool parse(std::string_view text, TimePoint& out);
bool parse(std::string_view text, WallTime& out);
bool parse(std::string_view text, bool& out);
bool parse(std::string_view text, Phase& out);
bool parse(std::string_view text, TcpState& out);
bool parse(std::string_view text, CloseReason& out);
bool parse(std::string_view text, std::string& out);  // not empty
template <std::unsigned_integral Number>
requires(!std::same_as<Number, bool>)  //
    bool parse(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string print(Duration value);
std::string print(TimePoint value);
std::string print(WallTime value);
std::string_view print(Phase value);
std::string_view print(TcpState value);
std::string_view print(CloseReason value);
inline const std::string& print(const std::string& value) { return value; }
inline std::string print(std::unsigned_integral auto value) {
  return fmt::to_string(static_cast<std::uint64_t>(value));
}

// Appends key=value for each f(key, member) of `each`, with blanks between.
struct Printer {
  std::string& out;
  template <class T>
  void operator()(std::string_view key, const T& value) {
    if (!out.empty()) out += ' ';
    out.append(key) += '=';
    out += print(value);
  }
};

// Reads "key=value key=value" into `to`, of which each_field(to, f) calls f(key, member).
// `all`: what lacks the last field of the list is cut, for such lines are written whole.
template <class T, class EachField>
Parsed parse_fields(std::string_view text, bool all, T& to, EachField&& each_field) {
  std::string_view last;
  each_field(to, [&](std::string_view key, auto&) { last = key; });
  bool any = false;
  bool reached = false;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) break;
    const std::string_view field = text.substr(0, text.find(' '));
    text.remove_prefix(field.size());
    const std::size_t equals = field.find('=');
    const std::string_view name = field.substr(0, equals);
    bool good = false;
    bool begun = false;
    each_field(to, [&](std::string_view key, auto& member) {
      begun |= equals == field.npos ? key.starts_with(name) : key == name;
      if (equals != field.npos && key == name) good = parse(field.substr(equals + 1), member);
    });
    if (!good) return begun && text.empty() ? Parsed::kCut : Parsed::kBad;
    any = true;
    reached |= name == last;
  }
  if (!any) return Parsed::kCut;
  return all && !reached ? Parsed::kCut : Parsed::kGood;
}

}  // namespace weir::delivery::field_text
