#pragma once
// `weir top`: what a running Weir does, each second, on a terminal. Keys: q quit, s sort, p pause.

#include <iosfwd>

#include "app/config.h"

namespace weir::app {

// Until q or ctrl-C; answers the exit code: 0, 1 when nobody answers at first, 2 without a
// terminal.
int top_command(const Config& config, std::ostream& err);

}  // namespace weir::app
