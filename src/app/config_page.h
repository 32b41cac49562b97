#pragma once

#include <string>

#include "app/config.h"

namespace weir::app {

// GET /config: the values in force and where each was set, as JSON. Members are added, never
// renamed.
std::string config_page(const LoadedConfig& loaded);

}  // namespace weir::app
