#pragma once
// The pages of the manual, in mdoc(7), made from the tables in the code: weir(8) from the command
// line, weir.conf(5) from params.def, weir-log(7) from log_words.def, close_reasons.def and
// errors.def.

#include <optional>
#include <string>
#include <string_view>

#include "app/command_table.h"

namespace weir::app {

std::string weir_manual(const CommandTable& commands);
std::string conf_manual();  // in config_manual.cpp
std::string log_manual();

}  // namespace weir::app
