#pragma once
// Server: the process. Binds, drops privileges, runs the workers, waits for signals.

#include "app/config.h"

namespace weir::app {

struct RunOptions {
  bool take_over = false;  // from the Weir that runs at server.handover
  int ready_fd = -1;       // gets a byte once Weir serves, and is closed
};

// Serves until SIGTERM or SIGINT and drains; answers the exit code. A second signal ends at once.
// SIGHUP reads the conf again.
int run_server(const LoadedConfig& loaded, const RunOptions& options);

}  // namespace weir::app
