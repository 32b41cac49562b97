#include "delivery/sample_lines.h"

#include "delivery/field_text.h"

namespace weir::delivery {
namespace {

constexpr std::string_view kRun = "run";
constexpr std::string_view kBegin = "begin";
constexpr std::string_view kEnd = "end";
constexpr std::string_view kLost = "lost";

// The lists of fields: each calls f(key, member) for every one.
template <class Run, class F>
requires std::same_as<std::remove_const_t<Run>, RecordedRun>
void each_field(Run& r, F&& f) {
  f("id", r.id);
  f("t", r.now);
  f("wall", r.wall);
  f("every", r.every);
  f("stall_timeout", r.settings.stall_timeout);
  f("half_closed_stall_timeout", r.settings.half_closed_stall_timeout);
  f("zero_window_timeout", r.settings.zero_window_timeout);
  f("trickle_rate", r.settings.trickle_rate);
  f("min_rate", r.settings.min_rate);
  f("linger_timeout", r.settings.linger_timeout);
  f("linger_max", r.settings.linger_max);
}

template <class Begin, class F>
requires std::same_as<std::remove_const_t<Begin>, RecordedBegin>
void each_field(Begin& b, F&& f) {
  f("t", b.now);
  f("conn", b.connection);
  f("client", b.client);
}

template <class End, class F>
requires std::same_as<std::remove_const_t<End>, RecordedEnd>
void each_field(End& e, F&& f) {
  f("t", e.now);
  f("conn", e.connection);
  f("acked", e.acked);
  f("reason", e.reason);
}

template <class Loss, class F>
requires std::same_as<std::remove_const_t<Loss>, RecordedLoss>
void each_field(Loss& l, F&& f) { f("lines", l.lines); }

template <class T>
std::string print_fields(std::string_view word, const T& value) {
  std::string out(word);
  each_field(value, field_text::Printer{out});
  return out;
}

template <class T>
std::expected<RecordedLine, Parsed> parse_fields(std::string_view text) {
  T out;
  const Parsed parsed =
      field_text::parse_fields(text, true, out, [](T& value, auto&& f) { each_field(value, f); });
  if (parsed != Parsed::kGood) return std::unexpected(parsed);
  return out;
}

std::expected<RecordedLine, Parsed> parse_sample_line(std::string_view line, int version) {
  Sample out;
  const Parsed parsed = parse_sample(line, version > 1, out);
  if (parsed != Parsed::kGood) return std::unexpected(parsed);
  return out;
}

}  // namespace

int samples_version(std::string_view first_line) {
  if (first_line == kSamplesHeader) return 2;
  return first_line == "weir-samples 1" ? 1 : 0;
}

std::string print_line(const RecordedRun& run) { return print_fields(kRun, run); }
std::string print_line(const RecordedBegin& begin) { return print_fields(kBegin, begin); }
std::string print_line(const RecordedEnd& end) { return print_fields(kEnd, end); }
std::string print_line(const RecordedLoss& loss) { return print_fields(kLost, loss); }

std::expected<RecordedLine, Parsed> parse_line(std::string_view line, int version) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::string_view word = line.substr(0, line.find(' '));
  const bool blank = line.find_first_not_of(' ') == line.npos;
  if (blank || line.front() == '#' || word == "expect") return std::monostate{};
  // Appended to by a run behind one that was killed at the wrong moment.
  if (samples_version(line) != 0) return std::monostate{};
  if (version < 2) return parse_sample_line(line, version);
  const std::string_view rest = line.substr(word.size());
  if (word == kRun) return parse_fields<RecordedRun>(rest);
  if (word == kBegin) return parse_fields<RecordedBegin>(rest);
  if (word == kEnd) return parse_fields<RecordedEnd>(rest);
  if (word == kLost) return parse_fields<RecordedLoss>(rest);
  for (const std::string_view known : {kRun, kBegin, kEnd, kLost}) {
    if (rest.empty() && known.starts_with(word)) return std::unexpected(Parsed::kCut);
  }
  return parse_sample_line(line, version);
}

}  // namespace weir::delivery
