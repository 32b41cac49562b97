#pragma once
// `weir upgrade`: starts `weir run --take-over` as a process of its own and waits until it serves.

#include <iosfwd>
#include <string>

namespace weir::app {

// The exit code: 0; 1 where the new Weir does not come to serve, and the old one serves on.
int upgrade_command(const std::string& conf, std::ostream& out, std::ostream& err);

}  // namespace weir::app
