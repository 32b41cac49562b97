#pragma once
// Server: the process. Binds, drops privileges, runs the workers, waits for signals.

#include "app/config.h"

namespace weir::app {

// Serves until SIGTERM or SIGINT and drains; answers the exit code. A second signal ends at once.
// SIGHUP opens the logs again.
int run_server(const LoadedConfig& loaded);

}  // namespace weir::app
