#pragma once
// The life of one connection: read a request, answer it by its script, again.

#include <cstdint>
#include <string>
#include <vector>

#include "support/origin/answer.h"
#include "support/origin/counts.h"
#include "support/origin/socket.h"

namespace weir::test::origin {

// Returns when the connection has ended. `log`: a line on stderr for each answer.
// `tls`: for those who speak it; null: nobody may.
void serve(int fd, Counts& counts, bool log, const TlsSide* tls);

}  // namespace weir::test::origin
