#pragma once
// `weir status`: asks the admin address of a running Weir and prints what it says.

#include <expected>
#include <iosfwd>
#include <string>
#include <string_view>

#include "app/config.h"

namespace weir::app {

// What GET `path` of the conf's admin address answers, or why there is no answer, for people.
// Blocks for a few seconds at most.
std::expected<std::string, std::string> ask_admin(const Config& config, std::string_view path);

// The JSON of GET /status as a screen for people, or why it cannot be read.
std::expected<std::string, std::string> status_screen(std::string_view json);

// Answers the exit code: 0, or 1 when nobody answers.
int status_command(const Config& config, bool json, std::ostream& out, std::ostream& err);

}  // namespace weir::app
