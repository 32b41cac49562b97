#pragma once

#include <string>

#include "base/time.h"

namespace weir::app {

// "2026-11-23T02:15:34Z" (RFC 3339 §5.6). Pure.
std::string print_date(WallTime t);

}  // namespace weir::app
