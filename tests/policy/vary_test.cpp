#include "policy/vary.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

using Names = std::vector<std::string>;

std::string text(const Names& names, const FieldList& fields) {
  std::string out;
  variant_text(names, get(fields), out);
  return out;
}

TEST_CASE("Vary names are lower-cased, sorted and unique, over all lines") {  // RFC 9110 §12.5.5
  CHECK(vary_names(response(200, {})) == Names{});
  CHECK(vary_names(response(200, {{"Vary", ""}})) == Names{});
  CHECK(vary_names(response(200, {{"Vary", ", Foo,,Bar , foo"}, {"vary", "Accept-Encoding"}})) ==
        Names{"accept-encoding", "bar", "foo"});
}

TEST_CASE("a star anywhere in Vary matches nothing") {  // RFC 9111 §4.1
  for (const char* value : {"*", "*, *", ", *", "*, Foo", "Foo, *", "Foo,*,Bar"}) {
    CAPTURE(value);
    CHECK_FALSE(vary_names(response(200, {{"Vary", value}})));
  }
  CHECK_FALSE(vary_names(response(200, {{"Vary", ""}, {"Vary", "*"}})));
  CHECK_FALSE(vary_names(response(200, {{"Vary", "Foo"}, {"Vary", "*"}})));
}

TEST_CASE("the text names each field, and absent differs from empty") {
  CHECK(text({}, {{"Foo", "1"}}).empty());
  CHECK(text({"bar", "foo"}, {{"Foo", "1"}}) == "bar\nfoo:1\n");
  CHECK(text({"foo"}, {{"Foo", ""}}) == "foo:\n");
  CHECK(text({"foo"}, {{"Other", "1"}}) == "foo\n");
  std::string out = "before";
  variant_text({"foo"}, get({}), out);
  CHECK(out == "beforefoo\n");
}

struct Case {
  const char* section;
  const char* name;
  FieldList a;
  FieldList b;
  bool same;
};

TEST_CASE("variants are the same when their fields differ only in form") {
  const Case cases[] = {
      {"4.1", "foo", {{"Foo", "1,2"}}, {{"foo", "1 ,\t 2"}}, true},
      {"4.1", "foo", {{"Foo", "1, 2"}}, {{"Foo", "1"}, {"Foo", "2"}}, true},
      {"4.1", "foo", {{"Foo", "a  b"}}, {{"Foo", "a b"}}, true},
      {"4.1", "foo", {{"Foo", "a b"}}, {{"Foo", "ab"}}, false},
      {"4.1", "foo", {{"Foo", "\"a  b\""}}, {{"Foo", "\"a b\""}}, false},
      {"4.1", "foo", {{"Foo", "\"a , b\""}}, {{"Foo", "\"a,b\""}}, false},
      {"4.1", "foo", {{"Foo", "\"\\\"  \""}}, {{"Foo", "\"\\\" \""}}, false},
      {"4.1", "foo", {{"Foo", "\"a"}, {"Foo", "b  c"}}, {{"Foo", "\"a"}, {"Foo", "b c"}}, true},
      {"4.1", "foo", {{"Foo", "a"}}, {{"Foo", "A"}}, false},
      {"4.1", "foo", {{"Foo", "a"}}, {}, false},
      {"4.1", "cookie", {{"Cookie", "a=1; b=2"}}, {{"Cookie", "a=1;  b=2"}}, true},
      {"4.1",
       "accept-language",
       {{"Accept-Language", "en-GB, de"}},
       {{"accept-language", "en-gb,de"}},
       true},
      {"4.1",
       "accept-language",
       {{"Accept-Language", "en, de"}},
       {{"Accept-Language", "de, en"}},
       true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.section);
    CAPTURE(&c - cases);
    CAPTURE(text({c.name}, c.a));
    CHECK((text({c.name}, c.a) == text({c.name}, c.b)) == c.same);
  }
}

TEST_CASE("Accept-Encoding becomes the sorted set of acceptable codings") {  // RFC 9110 §12.5.3
  const std::pair<const char*, const char*> cases[] = {
      {"gzip, deflate, br", "br,deflate,gzip,identity"},
      {"br;q=1.0, GZIP;q=0.5 , deflate;q=0.1", "br,deflate,gzip,identity"},
      {"x-gzip", "gzip,identity"},
      {"gzip, gzip;q=0", "gzip,identity"},
      {"gzip;q=0, br", "br,identity"},
      {"gzip; Q=0.000, br", "br,identity"},
      {"gzip;q=0.001", "gzip,identity"},
      {"gzip;q=", "gzip,identity"},
      {"", "identity"},
      {"identity", "identity"},
      {"gzip, identity;q=0", "gzip"},
      {"gzip, *;q=0", "gzip"},
      {"gzip, identity, *;q=0", "gzip,identity"},
      {"*", "*,br,deflate,gzip,identity,zstd"},
      {"gzip, zstd, *", "*,br,deflate,gzip,identity,zstd"},
      {"dcb;q=0, *", "*,br,dcb;q=0,deflate,gzip,identity,zstd"},
      {"gzip, dcz", "dcz,gzip,identity"},
  };
  for (const auto& [value, expected] : cases) {
    CAPTURE(value);
    CHECK(text({"accept-encoding"}, {{"Accept-Encoding", value}}) ==
          "accept-encoding:" + std::string(expected) + "\n");
  }
  CHECK(text({"accept-encoding"}, {}) == "accept-encoding\n");
  CHECK(text({"accept-encoding"}, {{"Accept-Encoding", "br"}, {"Accept-Encoding", "gzip"}}) ==
        "accept-encoding:br,gzip,identity\n");
}

TEST_CASE("Accept-Language becomes a list by weight and name") {  // RFC 9110 §12.5.4
  const std::pair<const char*, const char*> cases[] = {
      {"en, de", "=de;1000,en;1000"},
      {" DE ,en-GB", "=de;1000,en-gb;1000"},
      {"de;q=0.5, en", "=en;1000,de;500"},
      {"en;q=1.000, de; q=0.50", "=en;1000,de;500"},
      {"en, *;q=0", "=en;1000,*;0"},
      {"en;Q=0.001", "=en;1"},
      {"fr;q=0.5;x=1", ":fr;q=0.5;x=1"},  // not understood: compared as it is
      {"en;q=2", ":en;q=2"},
      {"en;q=0.1234", ":en;q=0.1234"},
      {"EN;q=.5", ":en;q=.5"},
      {"en_GB,  de", ":en_gb,de"},
      {"\"en\"", ":\"en\""},
      {"", "="},
  };
  for (const auto& [value, expected] : cases) {
    CAPTURE(value);
    CHECK(text({"accept-language"}, {{"Accept-Language", value}}) ==
          "accept-language" + std::string(expected) + "\n");
  }
  CHECK(text({"accept-language"}, {}) == "accept-language\n");
  CHECK(text({"accept-language"}, {{"Accept-Language", "en"}, {"Accept-Language", "de"}}) ==
        "accept-language=de;1000,en;1000\n");
  std::string many = "a";
  for (int i = 0; i < 32; ++i) many += ",b";
  CHECK(text({"accept-language"}, {{"Accept-Language", many}}) == "accept-language:" + many + "\n");
}

TEST_CASE("an Accept-Encoding of too many codings is compared as it is") {
  std::string many = "z";
  for (char c = 'a'; c <= 'p'; ++c) many += std::string(",") + c;
  CHECK(text({"accept-encoding"}, {{"Accept-Encoding", many}}) == "accept-encoding:" + many + "\n");
}

}  // namespace
}  // namespace weir::policy
