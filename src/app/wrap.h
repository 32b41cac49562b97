#pragma once

#include <string>
#include <string_view>

namespace weir::app {

// Lines of at most `width` columns, each behind `lead`; a longer word has a line of its own.
std::string wrapped(std::string_view text, std::string_view lead, std::size_t width);

}  // namespace weir::app
