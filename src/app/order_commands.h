#pragma once
// `weir purge` and `weir explain`.

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
// Where no Weir runs, it says what the conf alone can say.
int explain_command(const Config& config, const ExplainArguments& given, std::ostream& out,
                    std::ostream& err);

}  // namespace weir::app
