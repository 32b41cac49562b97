#include "delivery/field_text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace weir::delivery::field_text {
namespace {

// A sample's TimePoint must fit: about 95 years.
constexpr double kLatest = 3e9;

constexpr std::array<std::string_view, kPhases> kPhaseNames = {"idle", "reading", "awaiting_origin",
                                                               "sending", "lingering"};
constexpr std::array<std::string_view, 12> kStates = {
    "unknown",   "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
    "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};

template <class Enum, std::size_t n>
bool parse_name(std::string_view text, const std::array<std::string_view, n>& names, Enum& out) {
  const auto found = std::find(names.begin(), names.end(), text);
  out = static_cast<Enum>(found - names.begin());
  return found != names.end();
}

}  // namespace

bool parse(std::string_view text, Duration& out) {
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  if (!(seconds >= 0 && seconds <= kLatest)) return false;
  out = std::chrono::microseconds(std::llround(seconds * 1e6));
  return true;
}

bool parse(std::string_view text, TimePoint& out) {
  Duration since{0};
  if (!parse(text, since)) return false;
  out = TimePoint(since);
  return true;
}

bool parse(std::string_view text, WallTime& out) {
  std::uint32_t seconds = 0;
  if (!parse(text, seconds)) return false;
  out = WallTime(Seconds(seconds));
  return true;
}

bool parse(std::string_view text, bool& out) {
  out = text == "1";
  return out || text == "0";
}

bool parse(std::string_view text, Phase& out) { return parse_name(text, kPhaseNames, out); }
bool parse(std::string_view text, TcpState& out) { return parse_name(text, kStates, out); }

bool parse(std::string_view text, CloseReason& out) {
  for (std::size_t i = 0; i < kCloseReasons; ++i) {
    out = static_cast<CloseReason>(i);
    if (name(out) == text) return true;
  }
  return false;
}

bool parse(std::string_view text, std::string& out) {
  out = text;
  return !text.empty();
}

std::string print(Duration value) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
  const auto part = micros % 1'000'000;
  std::string out = fmt::to_string(micros / 1'000'000);
  if (part == 0) return out;
  out += fmt::format(".{:06}", part);
  out.erase(out.find_last_not_of('0') + 1);
  return out;
}

std::string print(TimePoint value) { return print(value.time_since_epoch()); }
std::string print(WallTime value) { return fmt::to_string(value.time_since_epoch().count()); }
std::string_view print(Phase value) { return kPhaseNames[static_cast<std::size_t>(value)]; }
std::string_view print(TcpState value) { return kStates[static_cast<std::size_t>(value)]; }
std::string_view print(CloseReason value) { return name(value); }

}  // namespace weir::delivery::field_text
