#pragma once
// The command line: weir run|check|config|status|store|purge|explain|log|help. Exit codes: 0 ok, 1
// failed at run time, 2 bad usage or conf.

#include <iosfwd>

#include "app/config.h"
#include "app/server.h"

namespace weir::app {

// Serves until it is told to end; answers the exit code.
using RunFn = int (*)(const LoadedConfig&, const RunOptions&);

int cli_main(int argc, char** argv, RunFn run);
// The same with the streams given.
int cli_main(int argc, const char* const* argv, RunFn run, std::ostream& out, std::ostream& err);

}  // namespace weir::app
