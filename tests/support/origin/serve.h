#pragma once
// The life of one connection: read a request, answer it by its script, again.

#include <cstdint>
#include <string>
#include <vector>

#include "support/origin/answer.h"
#include "support/origin/counts.h"
#include "support/origin/socket.h"

namespace weir::test::origin {

// How connections may begin.
struct Begin {
  const TlsSide* tls = nullptr;  // for those who speak it; null: nobody may
  bool proxy_header = false;     // a PROXY header may stand first
};

// Returns when the connection has ended. `log`: a line on stderr for each answer. `files`: the
// directory of file=; empty: there are none.
void serve(int fd, Counts& counts, bool log, const Begin& how, const std::string& files);

}  // namespace weir::test::origin
