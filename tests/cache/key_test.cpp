#include "cache/key.h"

#include <doctest/doctest.h>

using weir::cache::Key;
using weir::cache::make_key;

TEST_CASE("a key is scheme, host and target, without a default port") {
  struct Row {
    std::string_view scheme, authority, target, text;
  };
  for (const Row& row : {Row{"http", "example.org", "/a?b=c", "http://example.org/a?b=c"},
                         Row{"http", "example.org:80", "/", "http://example.org/"},
                         Row{"http", "example.org:443", "/", "http://example.org:443/"},
                         Row{"https", "example.org:443", "/", "https://example.org/"},
                         Row{"http", "[::1]:80", "/", "http://[::1]/"}}) {
    Key key;
    make_key(row.scheme, row.authority, row.target, key);
    CHECK(key.text == row.text);
    CHECK(key.digest == weir::digest(row.text));
    const Key same = weir::cache::key_of(std::string(row.text));
    CHECK(same.text == key.text);
    CHECK(same.digest == key.digest);
  }
}
