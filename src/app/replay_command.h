#pragma once
// `weir replay`.

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"

namespace weir::app {

struct ReplayArguments {
  std::vector<std::string> files = {};  // a recording in parts, or access logs
  std::vector<std::string> set = {};    // "delivery.stall_timeout=30s"
  bool json = false;
  bool verbose = false;
};

// `conf`: null when none was given. Answers the exit code: 0; 1 for files that cannot be read or
// are no recording; 2 for settings that make no sense.
int replay_command(const LoadedConfig* conf, const ReplayArguments& given, std::ostream& out,
                   std::ostream& err);

}  // namespace weir::app
