#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/command_table.h"

namespace weir::app {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

// A branch of `case $previous in`: what stands behind an option.
void value_branch(std::string& out, const CommandOption& option) {
  if (option.value.empty()) return;
  const char* const what = option.value == "FILE" ? "_weir_files" : "COMPREPLY=()";
  const std::string reply = option.choices.empty()
                                ? what
                                : fmt::format("_weir_words \"{}\"", joined(option.choices, " "));
  fmt::format_to(std::back_inserter(out), "        {}) {}; return ;;\n", joined(option.names, "|"),
                 reply);
}

std::string branch(const Command& command) {
  std::vector<std::string> options = {"--help"};
  std::vector<std::string> words;
  bool files = false;
  std::string values;
  for (const CommandOption& option : command.options) {
    options.insert(options.end(), option.names.begin(), option.names.end());
    value_branch(values, option);
  }
  for (const CommandOption& positional : command.positionals) {
    words.insert(words.end(), positional.choices.begin(), positional.choices.end());
    files = files || positional.value.find("FILE") != std::string::npos;
  }
  std::string out = fmt::format("    {})\n", command.name);
  if (!values.empty()) out += "      case $previous in\n" + values + "      esac\n";
  out += fmt::format("      if [[ $word == -* ]]; then _weir_words \"{}\"", joined(options, " "));
  if (!words.empty()) out += fmt::format("; else _weir_words \"{}\"", joined(words, " "));
  if (words.empty() && files) out += "; else _weir_files";
  return out + "; fi ;;\n";
}

}  // namespace

std::string bash_completion(const CommandTable& commands) {
  std::vector<std::string> names;
  std::string branches;
  for (const Command& command : commands) {
    names.push_back(command.name);
    branches += branch(command);
  }
  return fmt::format(
      "# Completion of weir for bash. Made by: weir help completion\n"
      "_weir_words() {{ mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\"); }}\n"
      "_weir_files() {{ compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "
      "\"$word\"); }}\n"
      "_weir() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    _weir_words \"{} --help --version\"\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n"
      "{}"
      "  esac\n"
      "}}\n"
      "complete -F _weir weir\n",
      joined(names, " "), branches);
}

}  // namespace weir::app
