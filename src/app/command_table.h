#pragma once
// CommandTable: the commands of the command line as values, for what is made of them: weir(8) and
// the completion of shells. The command line itself (app/cli) makes it, of what it parses by.

#include <string>
#include <vector>

namespace weir::app {

struct CommandOption {
  std::vector<std::string> names;  // "-c", "--conf"; of a positional one nothing
  std::string value;               // what stands behind it, "FILE"; empty: nothing
  std::string text;
  bool required = false;
  std::vector<std::string> choices;  // what it may be; empty: anything
};

struct Command {
  std::string name;
  std::string text;
  std::string footer;
  std::vector<CommandOption> options;      // with names
  std::vector<CommandOption> positionals;  // in their order
};

using CommandTable = std::vector<Command>;

// A completion for bash, to be sourced.
std::string bash_completion(const CommandTable& commands);

}  // namespace weir::app
