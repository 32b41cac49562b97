#pragma once
// `weir log`: says what a line of the access log means, or what happened in many.

#include <iosfwd>
#include <string>

#include "app/log_line.h"

namespace weir::app {

// Every field with what it is; what happened, and what to do about it.
std::string explain_log_line(const LogLine& line);

// `what`: a line, a file, or "-" for the input `in`. One line is explained; of several, the words
// are counted, and each is explained. Answers the exit code: 0; 1 for a file that cannot be read or
// has no line of the access log; 2 for a text that is no such line.
int log_command(const std::string& what, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace weir::app
