#pragma once

#include <string_view>

namespace weir::app {

// admin.html, as CMake put it into the program. UTF-8; lives for ever.
extern const std::string_view kAdminPage;

}  // namespace weir::app
