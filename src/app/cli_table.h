#pragma once

#include "app/command_table.h"

namespace CLI {
class App;
}

namespace weir::app {

// What the command line says of itself, in the order in which it was described.
CommandTable command_table(CLI::App& weir);

}  // namespace weir::app
