#include "cache/tags.h"

#include <doctest/doctest.h>

namespace weir::cache {
namespace {

using Lines = std::vector<std::pair<const char*, const char*>>;

TEST_CASE("tags are the words of Surrogate-Key and Cache-Tag, each once") {
  struct Row {
    Lines lines;
    const char* text;
    std::size_t count;
  };
  for (const Row& row : {
           Row{{}, "", 0},
           Row{{{"Surrogate-Key", "b a"}}, "a b", 2},
           Row{{{"Surrogate-Key", "a,b"}}, "a,b", 1},  // a comma is part of a word here
           Row{{{"Cache-Tag", "a,b, c"}}, "a b c", 3},
           Row{{{"Cache-Tag", ",,"}}, "", 0},
           Row{{{"cache-tag", "a"}, {"SURROGATE-KEY", "a b"}, {"Cache-Tag", "b"}}, "a b", 2},
           Row{{{"Surrogate-Key", "A a"}}, "A a", 2},
           Row{{{"Surrogate-Key", "\ta \t b "}}, "a b", 2},
           Row{{{"Surrogate-Keys", "a"}, {"X", "b"}}, "", 0},
       }) {
    http::Fields fields;
    for (const auto& [name, value] : row.lines) fields.add(name, value);
    const Tags tags = tags_of(fields);
    CAPTURE(std::string(row.text));
    CHECK(tags.text == row.text);
    CHECK(tags.count == row.count);
    CHECK(tag_digests(tags.text).size() == row.count);
    remove_tags(fields);
    CHECK(tags_of(fields).count == 0);
  }
}

TEST_CASE("more tags than can be kept track of are told") {
  std::string value;
  for (std::size_t i = 0; i <= kTagsMost; ++i) value += std::to_string(i) + " ";
  http::Fields fields;
  fields.add("Surrogate-Key", value);
  CHECK(tags_of(fields).too_many());
  fields.clear();
  fields.add("Surrogate-Key", std::string_view(value).substr(2));
  CHECK_FALSE(tags_of(fields).too_many());
}

TEST_CASE("no tag is the same as that of a URL") {
  const Digest url = url_tag("http://a/");
  for (const char* tag : {"url", "http://a/", "urlhttp://a/"}) {
    CHECK(tag_digests(tag).at(0) != url);
  }
}

}  // namespace
}  // namespace weir::cache
