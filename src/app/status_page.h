#pragma once

#include <string>
#include <string_view>

#include "app/snapshot.h"

namespace weir::app {

// GET /status: the snapshot as JSON for people and programs. Members are added, never renamed.
std::string status_page(const Snapshot& snapshot);
inline constexpr std::string_view kStatusType = "application/json";

}  // namespace weir::app
