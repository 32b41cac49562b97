#pragma once

#include <cstdint>
#include <string>

namespace weir::app {

// Bytes of memory that this process may use at all: the machine's, or those of its cgroup (v2) when
// it is given fewer. 0: not known.
std::uint64_t machine_memory();

// The least limit of a cgroup and those above it, 0 for none. `group`: its path as
// /proc/self/cgroup has it, below `root`.
std::uint64_t cgroup_memory(const std::string& root, std::string group);

}  // namespace weir::app
