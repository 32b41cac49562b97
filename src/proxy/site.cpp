#include "proxy/site.h"

#include "proxy/hosts.h"

namespace weir::proxy {

SiteTable::SiteTable(std::vector<Site> sites) : sites_(std::move(sites)) {
  for (Site& site : sites_) {
    site.forward.host = site.origin_host;
    for (const std::string& host : site.hosts) {
      if (host == "*") {
        any_ = &site;
      } else {
        by_name_.emplace(host.starts_with("*.") ? host.substr(1) : host, &site);
      }
    }
  }
}

const Site* SiteTable::find(std::string_view authority) const {
  if (by_name_.empty()) return any_;
  const std::string_view host = without_port(authority);
  if (const auto it = by_name_.find(host); it != by_name_.end() && !host.starts_with('.')) {
    return it->second;
  }
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
       dot = host.find('.', dot + 1)) {
    if (const auto it = by_name_.find(host.substr(dot)); it != by_name_.end()) return it->second;
  }
  return any_;
}

}  // namespace weir::proxy
