#pragma once
// Host patterns of sites and rules: "example.org", "*.example.org" for all names below it, "*".
// Lower case, no port. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

// The host of "host[:port]", without the dot that may stand at the end of a name.
std::string_view without_port(std::string_view authority);
bool any_host_matches(const std::vector<std::string>& patterns, std::string_view host);

}  // namespace weir::proxy
