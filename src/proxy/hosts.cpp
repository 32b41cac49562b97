#include "proxy/hosts.h"

#include <algorithm>

namespace weir::proxy {

std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  const std::string_view host = authority.substr(0, authority.find(':'));
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

bool any_host_matches(const std::vector<std::string>& patterns, std::string_view host) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    if (!pattern.starts_with('*')) return pattern == host;
    pattern.remove_prefix(1);
    return pattern.empty() || (host.ends_with(pattern) && host.size() > pattern.size());
  });
}

}  // namespace weir::proxy
