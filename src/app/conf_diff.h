#pragma once
// What two readings of the conf differ in, for people, and what of it a running Weir cannot change.
// Pure.

#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"

namespace weir::app {

struct ConfChange {
  std::string what;      // "server.max_connections", "origin \"a\" connect_timeout", "listen \"b\""
  std::string from;      // as TOML; "": it was not there
  std::string to;        // likewise
  bool restart = false;  // holds only after a restart

  // "http.idle_timeout: \"75 s\" -> \"10 s\""
  std::string text() const;
};

// In the order of the conf. Values that are secrets show as "(not shown)".
std::vector<ConfChange> conf_diff(const LoadedConfig& from, const LoadedConfig& to);

// Whether a change of that parameter, or of that table, needs a restart: "server.workers",
// "storage".
bool needs_restart(std::string_view table, std::string_view name);

// Gives what needs a restart the values that are in force, and says so in `next`.
void keep_until_restart(LoadedConfig& next, const Config& in_force);

}  // namespace weir::app
