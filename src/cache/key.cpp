#include "cache/key.h"

namespace weir::cache {

void make_key(std::string_view scheme, std::string_view authority, std::string_view target,
              Key& into) {
  const std::string_view default_port = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(default_port)) authority.remove_suffix(default_port.size());
  into.text.assign(scheme).append("://").append(authority).append(target);
  into.digest = digest(into.text);
}

}  // namespace weir::cache
