#include "delivery/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

namespace weir::delivery {
namespace {

// A worker is never more exact than this, however idle (net::Loop::lag()).
constexpr Duration kLagNoticed = std::chrono::milliseconds(100);
// A sample's TimePoint must fit: about 95 years.
constexpr double kLatest = 3e9;

constexpr std::array<std::string_view, kPhases> kPhaseNames = {"idle", "reading", "awaiting_origin",
                                                               "sending", "lingering"};
constexpr std::array<std::string_view, 12> kStates = {
    "unknown",   "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
    "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};

void print_time(std::string& out, std::string_view key, Duration time) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  const auto whole = micros / 1'000'000;
  const auto part = micros % 1'000'000;
  fmt::format_to(std::back_inserter(out), "{}={}", key, whole);
  if (part == 0) return;
  out += fmt::format(".{:06}", part);
  out.erase(out.find_last_not_of('0') + 1);
}

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

template <class Number>
requires std::unsigned_integral<Number> &&
    (!std::same_as<Number, bool>)bool parse(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse(std::string_view text, bool& out) {
  out = text == "1";
  return out || text == "0";
}

template <class Enum, std::size_t n>
bool parse_name(std::string_view text, const std::array<std::string_view, n>& names, Enum& out) {
  const auto found = std::find(names.begin(), names.end(), text);
  out = static_cast<Enum>(found - names.begin());
  return found != names.end();
}

bool parse(std::string_view text, Phase& out) { return parse_name(text, kPhaseNames, out); }
bool parse(std::string_view text, TcpState& out) { return parse_name(text, kStates, out); }

// The one list of fields: calls f(key, member) for each.
template <class S, class F>
void each_field(S& s, F&& f) {
  f("t", s.now);
  f("conn", s.connection);
  f("phase", s.phase);
  f("state", s.state);
  f("fin", s.peer_fin);
  f("acked", s.acked);
  f("queued", s.queued);
  f("written", s.written);
  f("unacked", s.unacked);
  f("notsent", s.notsent);
  f("wnd", s.snd_wnd);
  f("retransmits", s.retransmits);
  f("total_retrans", s.total_retrans);
  f("probes", s.probes);
  f("backoff", s.backoff);
  f("segs_in", s.segs_in);
  f("lar", s.last_ack_age);
  f("rtt", s.rtt);
  f("rttvar", s.rtt_var);
  f("lag", s.loop_lag);
}

struct Printer {
  std::string& out;
  void key(std::string_view name) {
    if (!out.empty()) out += ' ';
    out.append(name) += '=';
  }
  void operator()(std::string_view name, TimePoint value) {
    if (!out.empty()) out += ' ';
    print_time(out, name, value.time_since_epoch());
  }
  void operator()(std::string_view name, Duration value) {
    out += ' ';
    print_time(out, name, value);
  }
  void operator()(std::string_view name, Phase value) {
    key(name);
    out += kPhaseNames[static_cast<std::size_t>(value)];
  }
  void operator()(std::string_view name, TcpState value) {
    key(name);
    out += kStates[static_cast<std::size_t>(value)];
  }
  void operator()(std::string_view name, std::uint64_t value) {
    key(name);
    out += fmt::to_string(value);
  }
};

bool parse_field(std::string_view field, Sample& into) {
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = field.substr(0, equals);
  const std::string_view value = field.substr(equals + 1);
  bool good = false;
  each_field(into, [&](std::string_view name, auto& member) {
    if (name == key) good = parse(value, member);
  });
  return good;
}

}  // namespace

std::string_view name(Phase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

TcpState tcp_state_of(std::uint8_t kernel_number) {
  return kernel_number < kStates.size() ? static_cast<TcpState>(kernel_number) : TcpState::kUnknown;
}

bool peer_finished(const Sample& sample) {
  switch (sample.state) {
    case TcpState::kCloseWait:
    case TcpState::kLastAck:
    case TcpState::kClosing:
    case TcpState::kTimeWait:
      return true;
    case TcpState::kUnknown:
    case TcpState::kEstablished:
    case TcpState::kSynSent:
    case TcpState::kSynRecv:
    case TcpState::kFinWait1:
    case TcpState::kFinWait2:
    case TcpState::kClose:
    case TcpState::kListen:
      break;
  }
  return sample.peer_fin;
}

bool window_shut(const Sample& sample) {
  return sample.queued > 0 && sample.unacked == 0 &&
         (sample.snd_wnd == 0 || sample.notsent >= sample.queued);
}

Duration lateness(Duration loop_lag) {
  return loop_lag >= kLagNoticed ? loop_lag : Duration::zero();
}

std::string print_sample(const Sample& sample) {
  std::string out;
  out.reserve(256);
  each_field(sample, Printer{out});
  return out;
}

std::optional<Sample> parse_sample(std::string_view line) {
  Sample sample;
  bool any = false;
  while (true) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    const std::string_view field = line.substr(0, line.find(' '));
    if (!parse_field(field, sample)) return std::nullopt;
    any = true;
    line.remove_prefix(field.size());
  }
  if (!any) return std::nullopt;
  return sample;
}

}  // namespace weir::delivery
