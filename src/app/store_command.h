#pragma once
// `weir store stat|check|ls|dump -c FILE`: looks at the disks of a conf without changing anything,
// also while Weir runs.

#include <iosfwd>
#include <string>

#include "app/config.h"

namespace weir::app {

// Answers the exit code: 1 where a disk cannot be read, or `check` found damage.
//   stat   what is there and how much of it counts
//   check  reads everything and verifies all checksums; what a kill tore off is no damage
//   ls     a line for each object: status, bytes on disk, length, key
//   dump   a line for each record
int store_command(const Config& config, const std::string& what, std::ostream& out,
                  std::ostream& err);

}  // namespace weir::app
