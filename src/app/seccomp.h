#pragma once
// seccomp (seccomp(2)): the kernel keeps a process from system calls that it does not need.

#include <string>

namespace weir::app {

// Whether this kernel has it, and there is a list of calls for this machine's architecture.
bool seccomp_known();
// From now on all threads of the process, for good, make only the calls of Weir (seccomp.cpp). Any
// other fails with EPERM; the kernel's audit log has it. REQUIRES: no_new_privs. Returns an empty
// text, or why it failed, and then nothing has changed.
std::string restrict_calls();

}  // namespace weir::app
