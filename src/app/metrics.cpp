#include "app/metrics.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "base/check.h"

namespace weir::app {
namespace {

const MetricRow& row_of(Metric metric) { return kMetricRows[static_cast<std::size_t>(metric)]; }

// The next name of a list by comma; cuts it off.
std::string_view next_name(std::string_view& names) {
  const std::string_view name = names.substr(0, names.find(','));
  names.remove_prefix(std::min(name.size() + 1, names.size()));
  return name;
}

// A label's value has any bytes but these as they are.
void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void label(std::string& out, char& lead, std::string_view name, std::string_view value) {
  out += std::exchange(lead, ',');
  out.append(name).append("=\"");
  escape(out, value);
  out += '"';
}

}  // namespace

std::string_view name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      break;
  }
  return "histogram";
}

std::string seconds_text(Duration d) {
  const auto ns = d.count();
  std::string out = fmt::format("{}.{:09}", ns / 1'000'000'000, ns % 1'000'000'000);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out;
}

void Exposition::line(Metric metric, std::string_view suffix, Labels labels, std::string_view bound,
                      std::string_view value) {
  const MetricRow& row = row_of(metric);
  std::string& out = samples_[static_cast<std::size_t>(metric)];
  out.append(row.name).append(suffix);
  std::string_view names = row.labels;
  char lead = '{';
  for (const std::string_view text : labels) label(out, lead, next_name(names), text);
  WEIR_CHECK(names.empty());
  if (!bound.empty()) label(out, lead, "le", bound);
  if (lead == ',') out += '}';
  fmt::format_to(std::back_inserter(out), " {}\n", value);
}

void Exposition::add(Metric metric, Labels labels, std::uint64_t value) {
  WEIR_CHECK(row_of(metric).kind != MetricKind::kHistogram);
  line(metric, "", labels, "", fmt::format_int(value).c_str());
}

void Exposition::add(Metric metric, Labels labels, Duration value) {
  WEIR_CHECK(row_of(metric).kind != MetricKind::kHistogram);
  line(metric, "", labels, "", seconds_text(value));
}

void Exposition::add(Metric metric, Labels labels, const Durations& values) {
  WEIR_CHECK(row_of(metric).kind == MetricKind::kHistogram);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < Durations::kBuckets; ++i) {
    below += values.bucket(i);
    const bool last = i == Durations::kBounds.size();
    line(metric, "_bucket", labels, last ? "+Inf" : seconds_text(Durations::kBounds[i]),
         fmt::format_int(below).c_str());
  }
  line(metric, "_sum", labels, "", seconds_text(values.sum()));
  line(metric, "_count", labels, "", fmt::format_int(below).c_str());
}

std::string Exposition::text() const {
  std::string out;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const MetricRow& row = kMetricRows[i];
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", row.name, row.help,
                   row.name, name(row.kind));
    out += samples_[i];
  }
  return out;
}

}  // namespace weir::app
