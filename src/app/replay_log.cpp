#include "app/replay_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "app/log_line.h"
#include "app/units.h"
#include "app/wrap.h"
#include "delivery/replay.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kWidth = 100;

// Responses that stood still for as long as a limit.
struct Bound {
  std::string_view parameter;
  Duration limit{0};
  std::uint64_t still = 0;
  std::uint64_t arrived = 0;  // of them, whole
};

struct LogTally {
  std::uint64_t lines = 0;
  std::uint64_t others = 0;    // none of the access log
  std::uint64_t receipts = 0;  // lines that say how the response arrived
  std::uint64_t cut = 0;       // in fact, for want of patience
  std::array<Bound, 3> bounds;
};

bool was_cut(std::string_view close) {
  for (std::size_t i = 0; i < delivery::kCloseReasons; ++i) {
    const auto reason = static_cast<delivery::CloseReason>(i);
    if (close == name(reason)) return delivery::is_cut(reason);
  }
  return false;
}

void count(const LogLine& line, LogTally& tally) {
  ++tally.lines;
  if (line.get("complete").empty()) return;  // combined
  ++tally.receipts;
  if (was_cut(line.get("close"))) ++tally.cut;
  const std::string_view text = line.get("standstill_ms");
  double still_ms = 0;
  std::from_chars(text.data(), text.data() + text.size(), still_ms);
  const bool arrived = line.get("delivered") == "true" || line.get("delivered") == "yes";
  for (Bound& bound : tally.bounds) {
    if (still_ms * 1e6 < static_cast<double>(bound.limit.count())) continue;
    ++bound.still;
    if (arrived) ++bound.arrived;
  }
}

std::string text_of(const LogTally& tally) {
  std::string out = fmt::format("{} responses in the access log, {} cut for want of patience",
                                tally.receipts, tally.cut);
  if (tally.others > 0) out += fmt::format("; {} other lines", tally.others);
  out += ".\n\n";
  for (const Bound& b : tally.bounds) {
    const std::string limit =
        format_quantity(static_cast<std::uint64_t>(b.limit.count()), kDurationUnits);
    out += fmt::format("{:<37} at most {} cut, of which {} arrived whole\n",
                       fmt::format("{} = {}", b.parameter, limit), b.still, b.arrived);
  }
  return out + '\n' +
         wrapped(
             "These are bounds: a line of the access log has how long its response stood still in "
             "all, not how long at a time, nor whether the client answered meanwhile. For verdicts "
             "record samples: weir record on.",
             "", kWidth);
}

std::string json_of(const LogTally& tally) {
  Json bounds = Json::object();
  for (const Bound& b : tally.bounds) {
    bounds[b.parameter] = {{"seconds", std::chrono::duration<double>(b.limit).count()},
                           {"cut_at_most", b.still},
                           {"arrived_whole", b.arrived}};
  }
  const Json page = {{"access_log", true},
                     {"responses", tally.receipts},
                     {"cut", tally.cut},
                     {"other_lines", tally.others},
                     {"bounds", bounds}};
  return page.dump(2) + "\n";
}

}  // namespace

bool is_access_log(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  return std::getline(in, line) && parse_log_line(line).has_value();
}

int replay_log(const std::vector<std::string>& files, const delivery::Settings& settings, bool json,
               std::ostream& out, std::ostream& err) {
  LogTally tally;
  tally.bounds = {Bound{"delivery.half_closed_stall_timeout", settings.half_closed_stall_timeout},
                  Bound{"delivery.stall_timeout", settings.stall_timeout},
                  Bound{"delivery.zero_window_timeout", settings.zero_window_timeout}};
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      err << fmt::format("weir replay: {}: {}\n", file, std::strerror(errno));
      return 1;
    }
    for (std::string text; std::getline(in, text);) {
      if (const auto line = parse_log_line(text)) {
        count(*line, tally);
      } else {
        ++tally.others;
      }
    }
  }
  if (tally.receipts == 0) {
    err << "weir replay: this access log does not say how responses arrived (log.format = "
           "\"combined\"): record samples, weir record on\n";
    return 1;
  }
  out << (json ? json_of(tally) : text_of(tally));
  return 0;
}

}  // namespace weir::app
