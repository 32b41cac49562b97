#pragma once
// `weir purge`, `weir reload`, `weir explain` and `weir level`.

#include <iosfwd>
#include <string>
#include <vector>

#include "app/config.h"

namespace weir::app {

// One of the lists, or the prefix, is given.
struct PurgeArguments {
  std::vector<std::string> urls;
  std::vector<std::string> tags;
  std::string prefix;
  std::vector<std::string> ban;  // conditions
  bool soft = false;
};

struct ExplainArguments {
  std::string url;
  std::string method = "GET";
  std::vector<std::string> fields;  // "Name: value"
  bool json = false;
  bool offline = false;  // nobody is asked
};

// Each answers the exit code: 0; 1 when the running Weir cannot do it; 2 for what makes no sense.
int purge_command(const Config& config, const PurgeArguments& given, std::ostream& out,
                  std::ostream& err);
// `conf`: the file that is meant. Of one that the running Weir does not read nothing is taken over.
int reload_command(const LoadedConfig& conf, std::ostream& out, std::ostream& err);
// Where no Weir runs, it says what the conf alone can say.
int explain_command(const Config& config, const ExplainArguments& given, std::ostream& out,
                    std::ostream& err);

// Tells the level of the error log; sets it first, unless `level` is empty.
int level_command(const Config& config, const std::string& level, std::ostream& out,
                  std::ostream& err);

}  // namespace weir::app
