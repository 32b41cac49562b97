#include "proxy/site.h"

#include <algorithm>

#include "proxy/hosts.h"

namespace weir::proxy {

std::string url_in_cache(const Site& site, std::string_view url) {
  if (site.exceptions.empty()) return std::string(url);
  const std::size_t scheme = url.find("://");
  const std::size_t host = std::min(scheme, url.size() - 3) + 3;
  const std::size_t target = std::min(url.find('/', host), url.size());
  http::Request asked, edited;
  asked.method_text = http::method_name(http::Method::kGet);
  asked.authority = url.substr(host, target - host);
  asked.target = url.substr(target);
  Ruling ruling;
  ruling.begin(site.rules);
  site.exceptions.judge(asked, ruling);
  edit_request(ruling, asked, edited);
  cache::Key key;
  make_key(ruling, url.substr(0, scheme), asked, edited, key);
  return std::string(key.url());
}

SiteTable::SiteTable(std::vector<Site> sites) : sites_(std::move(sites)) {
  for (Site& site : sites_) {
    site.forward.host = site.origin_host;
    site.rules.own_target = site.own_target;
    if (!site.compress_types.empty()) site.compression.types = &site.compress_types;
    site.rules.upgrades = site.upgrades;
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
