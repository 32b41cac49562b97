#pragma once
// `weir status`: asks the admin address of a running Weir and prints what it says.

#include <expected>
#include <iosfwd>
#include <string>
#include <string_view>

#include "app/config.h"

namespace weir::app {

// The JSON of GET /status as a screen for people, or why it cannot be read.
std::expected<std::string, std::string> status_screen(std::string_view json);

// Answers the exit code: 0, or 1 when nobody answers.
int status_command(const Config& config, bool json, std::ostream& out, std::ostream& err);

}  // namespace weir::app
