#pragma once
// Key: what names an object: scheme, host and target (RFC 9111 §2), and what the rules of a site
// put behind them. The text is compared in full on a hit; the digest only finds it.

#include <string>
#include <string_view>

#include "base/hash.h"

namespace weir::cache {

struct Key {
  std::string
      text;  // "http://example.org/path?query", " field:x-country=de cookie:lang=fr" behind it
  Digest digest;

  std::string_view url() const { return std::string_view(text).substr(0, text.find(' ')); }
  bool has_parts() const { return text.find(' ') != text.npos; }
};

// `authority` is lower case already (http::Request); a default port is dropped. `parts`: of one or
// more words, each with a space in front. `into` keeps its memory from one request to the next.
void make_key(std::string_view scheme, std::string_view authority, std::string_view target,
              Key& into, std::string_view parts = {});

// Of a text that is spelled as a key's is (policy::also_invalidated).
Key key_of(std::string text);

}  // namespace weir::cache
