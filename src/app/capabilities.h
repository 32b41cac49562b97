#pragma once
// What root may do, in parts (capabilities(7)). Of the calling thread and those it starts.

#include <string>

namespace weir::app {

// Gives away all capabilities, in every set, but the one to listen on ports below 1024 if
// `low_ports` and if there is one. Returns an empty text, or why it failed.
std::string reduce_capabilities(bool low_ports);
// While it lives, capabilities survive that root becomes another user.
class KeptCapabilities {
 public:
  KeptCapabilities();
  ~KeptCapabilities();
  KeptCapabilities(const KeptCapabilities&) = delete;
};
// No program that is executed gets more privileges than this one has; for good.
std::string forbid_new_privileges();
// Of the calling thread, as "none" or "net_bind_service"; others as a number.
std::string capabilities_text();

}  // namespace weir::app
