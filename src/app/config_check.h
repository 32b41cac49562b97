#pragma once
// What no single value shows: names that must exist, and values that contradict or endanger each
// other. For config*.cpp and start_check.cpp.

#include <vector>

#include "app/config.h"

namespace weir::app {

struct Findings {
  std::vector<ConfMessage> errors;
  std::vector<ConfMessage> warnings;
};

// Adds to `out`. The configuration may come from a file with errors.
void check_config(const Config& config, const Places& places, Findings& out);

// Where the value at `path` was set, or its table.
Place place_of(const Places& places, std::string_view path);

}  // namespace weir::app
