#pragma once
// What of the machine is left to Weir once it serves: capabilities, files (landlock), system calls
// (seccomp).

#include <expected>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/landlock.h"

namespace weir::app {

// Whether an address of the conf is one that only root, or who has that capability, may listen on.
bool wants_low_ports(const Config& config);
// What of the file system `loaded` names, and what libraries read while Weir runs.
std::vector<FileRule> needed_files(const LoadedConfig& loaded);

// Gives away all else; before threads are started, once the user is the one that stays. Answers
// what is in force, as "capabilities=none no_new_privs=yes landlock=off seccomp=off", or why it
// failed.
std::expected<std::string, std::string> restrict_process(const LoadedConfig& loaded);
// What the conf asks for and this kernel has, in words.
std::string restriction_plan(const Config& config);

}  // namespace weir::app
