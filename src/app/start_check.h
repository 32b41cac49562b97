#pragma once
// What a conf needs of the machine that it is to run on, as `weir check` tells it: directories, the
// user, memory. No part of parse_config: a conf may be written elsewhere. Looks only at what it may
// see: what this user cannot look at is not told.

#include <ostream>

#include "app/config.h"
#include "app/config_check.h"

namespace weir::app {

// Adds to `out`: as errors what keeps Weir from starting here, as warnings what it goes on without,
// and certificates that have expired or soon will.
void check_start(const LoadedConfig& loaded, Findings& out);

// `weir check`: 0, or 1 where it cannot start.
int check_command(const LoadedConfig& loaded, std::ostream& out, std::ostream& err);

}  // namespace weir::app
