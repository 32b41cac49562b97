#pragma once
// Metrics: the rows of counters.def, and their values as Prometheus reads them (text format 0.0.4).
// Values; one thread at a time.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/durations.h"

namespace weir::app {

enum class Metric : std::uint8_t {
#define WEIR_METRIC(id, kind, name, labels, unit, help) k##id,
#include "app/counters.def"
#undef WEIR_METRIC
};

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };
std::string_view name(MetricKind kind);  // "counter", "gauge", "histogram"

struct MetricRow {
  MetricKind kind;
  std::string_view name;
  std::string_view labels;  // "result,reason"
  std::string_view unit;
  std::string_view help;
};

inline constexpr MetricRow kMetricRows[] = {
#define WEIR_METRIC(id, kind, name, labels, unit, help) \
  {MetricKind::k##kind, name, labels, unit, help},
#include "app/counters.def"
#undef WEIR_METRIC
};

// Collects values and prints them in the order of the rows.
class Exposition {
 public:
  // One value for each label of the row, in its order.
  using Labels = std::initializer_list<std::string_view>;

  void add(Metric metric, Labels labels, std::uint64_t value);
  void add(Metric metric, Labels labels, Duration value);           // in seconds
  void add(Metric metric, Labels labels, const Durations& values);  // only a Histogram takes these

  // Every row with its HELP and TYPE, also those without a value.
  std::string text() const;

 private:
  void line(Metric metric, std::string_view suffix, Labels labels, std::string_view bound,
            std::string_view value);

  std::array<std::string, std::size(kMetricRows)> samples_;
};

// "0.0005", "7200": exact, without an exponent.
std::string seconds_text(Duration d);

}  // namespace weir::app
