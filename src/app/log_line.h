#pragma once
// A line of the access log taken apart, as log_format wrote it. Values; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::app {

struct LogLine {
  // Keys of kLogFields and texts for people, in the order of the line. What is not known is not
  // there.
  std::vector<std::pair<std::string, std::string>> fields;

  // Empty: it is not there.
  std::string_view get(std::string_view key) const;
};

// JSON, combined or extended; any of them tells what it knows. Nothing: it is no such line.
std::optional<LogLine> parse_log_line(std::string_view line);

}  // namespace weir::app
