#include "http/etag.h"

#include <doctest/doctest.h>

using namespace weir::http;

TEST_CASE("entity tags are read, RFC 9110 section 8.8.3") {
  const struct {
    std::string_view text, opaque;
    bool weak;
  } cases[] = {
      {"\"xyzzy\"", "\"xyzzy\"", false}, {"W/\"xyzzy\"", "\"xyzzy\"", true},
      {"\"\"", "\"\"", false},           {"\"a\\\"", "\"a\\\"", false},
      {"\"a,b\"", "\"a,b\"", false},     {"\"\xe4\"", "\"\xe4\"", false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    const auto tag = parse_etag(c.text);
    REQUIRE(tag);
    CHECK(tag->opaque == c.opaque);
    CHECK(tag->weak == c.weak);
  }
  for (std::string_view text :
       {"", "\"", "a", "\"a", "a\"", "w/\"a\"", "W\"a\"", "W/", "W/a", "\"a\"b", "\"a b\"",
        "\"a\x7f\"", "\"a\x01\"", " \"a\"", "\"a\" ", "*"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_etag(text));
  }
}

TEST_CASE("comparisons are those of the table in RFC 9110 section 8.8.3.2") {
  const struct {
    std::string_view a, b;
    bool strong, weak;
  } cases[] = {
      {"W/\"1\"", "W/\"1\"", false, true},
      {"W/\"1\"", "W/\"2\"", false, false},
      {"W/\"1\"", "\"1\"", false, true},
      {"\"1\"", "\"1\"", true, true},
  };
  for (const auto& c : cases) {
    const auto a = *parse_etag(c.a);
    const auto b = *parse_etag(c.b);
    CHECK(strong_match(a, b) == c.strong);
    CHECK(strong_match(b, a) == c.strong);
    CHECK(weak_match(a, b) == c.weak);
    CHECK(weak_match(b, a) == c.weak);
  }
}

TEST_CASE("lists match when one member does") {
  const struct {
    std::string_view list;
    bool weak, strong;  // against "a"
  } cases[] = {
      {"*", true, true},
      {" * ", true, true},
      {"\"a\"", true, true},
      {"W/\"a\"", true, false},
      {"\"b\", \"a\"", true, true},
      {"\"b\",\"a\" ,\"c\"", true, true},
      {",, \"a\",", true, true},
      {"\"b\\\", \"a\"", true, true},  // a backslash escapes nothing here
      {"\"b,\"a\"", false, false},
      {"", false, false},
      {"\"b\"", false, false},
      {"a", false, false},
      {"\"a", false, false},
      {"\"a\"x", false, false},
      {"x\"a\"", false, false},
      {"\"a\" \"b\"", false, false},
      {"x, \"a\"", true, true},
      {"\"a b\", \"a\"", true, true},
      {"\"b\", *", false, false},
      {"\"A\"", false, false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.list);
    CHECK(any_weak_match(c.list, parse_etag("\"a\"")) == c.weak);
    CHECK(any_strong_match(c.list, parse_etag("\"a\"")) == c.strong);
    CHECK(any_weak_match(c.list, parse_etag("W/\"a\"")) == c.weak);
    CHECK(any_weak_match(c.list, std::nullopt) == (c.list.find('*') < 2));
  }
  CHECK_FALSE(any_strong_match("\"a\"", parse_etag("W/\"a\"")));
}

TEST_CASE("a list is told with strong tags alone") {
  const struct {
    const char* list;
    const char* strong;
  } cases[] = {
      {"", ""},
      {"*", "*"},
      {"W/\"a\"", "\"a\""},
      {"\"a\", W/\"b\",W/\"c\"", "\"a\", \"b\",\"c\""},
      {"\"W/\"", "\"W/\""},  // within the quotes it is text
      {"\"aW/\", \"\"", "\"aW/\", \"\""},
      {"W/", "W/"},
  };
  for (const auto& c : cases) CHECK(strong_twins(c.list) == c.strong);
}
