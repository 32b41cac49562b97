#pragma once
// What weir-origin does behind a 101. See the key `upgrade` of script.cpp.

#include "support/origin/request.h"
#include "support/origin/script.h"
#include "support/origin/socket.h"

namespace weir::test::origin {

// Answers 101 and plays the script until the connection is over, and can be closed. True: by a
// reset.
bool play_tunnel(Socket& socket, const Request& request, const Script& script);

}  // namespace weir::test::origin
