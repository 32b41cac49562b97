#pragma once
// Text as a value of the error log: in double quotes, on one line. Values; any thread.

#include <string>
#include <string_view>

namespace weir {

// `"` and `\` get a `\` before them, line ends within are `|`, those at the end go.
std::string quoted(std::string_view text);

}  // namespace weir
