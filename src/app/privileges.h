#pragma once

#include <string>

namespace weir::app {

// Becomes `user` (with its groups) when started as root; does nothing otherwise or when empty.
// Returns an empty text, or why it failed.
std::string drop_privileges(const std::string& user);

}  // namespace weir::app
