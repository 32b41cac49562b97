#pragma once
// What a small object costs in memory beyond its bytes, where it is kept.

#include <string>

namespace weir::bench {

// Three JSON objects: in memory alone, on disk alone (as a start finds it), in both. Each measured
// in a process of its own; the disks are made in `directory`, which is removed.
std::string footprints(const std::string& directory);

}  // namespace weir::bench
