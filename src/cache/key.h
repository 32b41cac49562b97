#pragma once
// Key: what names an object: scheme, host and target (RFC 9111 §2). The text is compared in full on
// a hit; the digest only finds it.

#include <string>
#include <string_view>

#include "base/hash.h"

namespace weir::cache {

struct Key {
  std::string text;  // "http://example.org/path?query"
  Digest digest;
};

// `authority` is lower case already (http::Request); a default port is dropped. `into` keeps its
// memory from one request to the next.
void make_key(std::string_view scheme, std::string_view authority, std::string_view target,
              Key& into);

// Of a text that is spelled as a key's is (policy::also_invalidated).
Key key_of(std::string text);

}  // namespace weir::cache
