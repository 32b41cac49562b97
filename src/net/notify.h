#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::net {

// Sends one datagram to the local socket of that path ("@name": an abstract one), as sd_notify(3)
// does. Never blocks; errors carry errno. Any thread.
Result<void> notify(const std::string& path, std::string_view text);

}  // namespace weir::net
