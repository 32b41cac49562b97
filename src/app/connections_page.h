#pragma once

#include <string>

#include "app/lookout.h"

namespace weir::app {

// GET /connections: those worth a look, as JSON. Members are added, never renamed.
std::string connections_page(const Sight& sight);

}  // namespace weir::app
