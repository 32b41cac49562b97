#pragma once

#include <string>

#include "app/recorder.h"

namespace weir::app {

// GET /record: whether client connections are recorded, as JSON.
std::string record_page(const Recorder::Status& status);

}  // namespace weir::app
