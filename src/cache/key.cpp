#include "cache/key.h"

#include "http/authority.h"

namespace weir::cache {

void make_key(std::string_view scheme, std::string_view authority, std::string_view target,
              Key& into, std::string_view parts) {
  authority = http::without_default_port(scheme, authority);
  into.text.assign(scheme).append("://").append(authority).append(target).append(parts);
  into.digest = digest(into.text);
}

Key key_of(std::string text) {
  Key key{std::move(text), {}};
  key.digest = digest(key.text);
  return key;
}

}  // namespace weir::cache
