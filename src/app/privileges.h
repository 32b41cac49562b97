#pragma once

#include <string>
#include <vector>

namespace weir::app {

// Becomes `user` (with its groups) when started as root; does nothing otherwise or when empty.
// Regular files of `logs` that are root's are given to the user first, so that it can open them
// again; another log file is left as it is. Of the capabilities nothing is left, but to listen on
// ports below 1024 if `low_ports`. Returns an empty text, or why it failed.
std::string drop_privileges(const std::string& user, const std::vector<std::string>& logs,
                            bool low_ports = false);

// Those of `logs` that this process could not open again: files, after they were renamed, because
// it may not make files in their directories or not even search them; and FIFOs that it may not
// write to.
std::vector<std::string> not_reopenable(const std::vector<std::string>& logs);

}  // namespace weir::app
