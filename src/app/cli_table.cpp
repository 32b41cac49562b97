#include "app/cli_table.h"

#include <CLI/CLI.hpp>
#include <string_view>

namespace weir::app {
namespace {

// CLI11 says "TEXT:{stat,check}" of an option that is one of a few.
std::vector<std::string> choices_of(std::string_view type) {
  std::vector<std::string> out;
  const std::size_t open = type.find('{');
  const std::size_t close = type.rfind('}');
  if (open == type.npos || close == type.npos) return out;
  for (std::string_view rest = type.substr(open + 1, close - open - 1); !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    out.emplace_back(word);
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return out;
}

CommandOption described(const CLI::Option& option) {
  CommandOption out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  const std::string type = option.get_type_name();
  const bool named = !out.names.empty();
  if (option.get_type_size() != 0) out.value = type.substr(0, type.find(":{"));
  // A positional one goes by its own name, unless it says what it is.
  if (!named && (out.value == "TEXT" || out.value.empty())) out.value = option.get_name();
  out.text = option.get_description();
  out.required = option.get_required();
  out.choices = choices_of(type);
  return out;
}

}  // namespace

CommandTable command_table(CLI::App& weir) {
  CommandTable out;
  for (CLI::App* app : weir.get_subcommands({})) {
    // Those without a footer of their own have that of `weir`.
    const bool own = app->get_footer() != weir.get_footer();
    Command command{app->get_name(), app->get_description(), own ? app->get_footer() : "", {}, {}};
    for (const CLI::Option* option : app->get_options()) {
      if (option == app->get_help_ptr() || option->get_group().empty()) continue;  // not for people
      auto& list = option->get_positional() ? command.positionals : command.options;
      list.push_back(described(*option));
    }
    out.push_back(std::move(command));
  }
  return out;
}

}  // namespace weir::app
