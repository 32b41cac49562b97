#pragma once
// What access logs can say about other settings. A line has how long its response stood still in
// all, not when, nor what the kernel asked and heard meanwhile: that bounds from above how many
// would have been cut.

#include <iosfwd>
#include <string>
#include <vector>

#include "delivery/patience.h"

namespace weir::app {

// Whether the first line of the file is one of an access log.
bool is_access_log(const std::string& file);
// Answers the exit code, as replay_command.
int replay_log(const std::vector<std::string>& files, const delivery::Settings& settings, bool json,
               std::ostream& out, std::ostream& err);

}  // namespace weir::app
