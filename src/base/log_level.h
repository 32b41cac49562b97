#pragma once
// The level of the error log, for who tells or sets it. Any thread, at any time.

#include <string_view>

#include "base/log.h"

namespace weir {

// The least level that is logged. Set with the sink (base/log.h), and anew by this.
LogLevel log_level();
void set_log_level(LogLevel least);
std::string_view name(LogLevel level);  // "debug", as the conf has it

}  // namespace weir
