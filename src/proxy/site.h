#pragma once
// Site: what the conf file says about the hosts of one site, and the table that finds it.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/network.h"
#include "policy/compression.h"
#include "policy/forwarding.h"
#include "policy/rules.h"
#include "proxy/rules.h"

namespace weir::proxy {

struct Site {
  std::vector<std::string> hosts;  // "example.org", "*.example.org", "*"; lower case, no port
  std::size_t origin = 0;          // its number
  policy::Rules rules;
  policy::ForwardRules forward;
  std::string origin_host;            // what forward.host views
  std::string own_target;             // what rules.own_target views
  std::vector<std::string> upgrades;  // what rules.upgrades views
  bool cache_status = true;
  bool cache_status_key = false;
  std::uint64_t request_body_max = 0;  // bytes; 0: no limit
  policy::CompressionRules compression;
  std::vector<std::string> compress_types;  // what compression.types views; empty: the default
  bool compresses = false;                  // some of its answers are compressed
  RuleSet exceptions;
  std::vector<net::Network> purge_from;  // whose PURGE is obeyed; empty: it is passed on
  bool forward_tags = false;             // clients get Surrogate-Key and Cache-Tag, too
};

// The URL under which a GET of `url` is stored that has no fields for rules to look at. Both are
// spelled as Key::url(). For purges.
std::string url_in_cache(const Site& site, std::string_view url);

// Immutable once built; any thread.
class SiteTable {
 public:
  explicit SiteTable(std::vector<Site> sites);
  // The exact name first, then the longest wildcard, then "*"; null when none fits. `authority` is
  // host[:port] in lower case.
  const Site* find(std::string_view authority) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  std::vector<Site> sites_;
  std::unordered_map<std::string, const Site*, Hash, std::equal_to<>>
      by_name_;  // also "*.x" as ".x"
  const Site* any_ = nullptr;
};

}  // namespace weir::proxy
