#pragma once
// `weir record on|off|status`.

#include <expected>
#include <iosfwd>
#include <string>

#include "app/config.h"
#include "app/recorder.h"

namespace weir::app {

struct RecordArguments {
  std::string what;      // on, off or status
  std::string sample;    // "1/100"; empty: as the conf has it
  std::string max_size;  // "64 MiB"; likewise
  bool json = false;
};

// Answers the exit code: 0; 1 when the running Weir cannot do it; 2 for what makes no sense.
int record_command(const Config& config, const RecordArguments& given, std::ostream& out,
                   std::ostream& err);

// The numbers of the arguments. Units may be short here, as in "64M".
std::expected<Recorder::Order, std::string> parse_record_arguments(const RecordArguments& given);
// For people: what GET /record says.
std::expected<std::string, std::string> record_screen(const std::string& page);

}  // namespace weir::app
