#pragma once

#include <string>

#include "app/snapshot.h"

namespace weir::app {

// GET /metrics: every row of counters.def, for Prometheus (text format 0.0.4).
std::string metrics_page(const Snapshot& snapshot);
inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace weir::app
