#include "http/cache_control.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace weir;
using namespace weir::http;

namespace {

// Only what is set, in the order of the struct.
std::string show(const CacheControl& cc) {
  std::string text;
  const auto time = [&text](std::string_view name, const std::optional<Seconds>& value) {
    if (value) text += fmt::format("{}={} ", name, value->count());
  };
  const auto flag = [&text](std::string_view name, bool value) {
    if (value) text += fmt::format("{} ", name);
  };
  const auto list = [&text](std::string_view name, const std::vector<std::string>& value) {
    if (!value.empty()) text += fmt::format("{}[{}] ", name, fmt::join(value, " "));
  };
  time("max-age", cc.max_age);
  time("s-maxage", cc.s_maxage);
  time("swr", cc.stale_while_revalidate);
  time("sie", cc.stale_if_error);
  time("min-fresh", cc.min_fresh);
  time("max-stale", cc.max_stale);
  flag("any-max-stale", cc.any_max_stale);
  flag("no-cache", cc.no_cache);
  flag("no-store", cc.no_store);
  flag("no-transform", cc.no_transform);
  flag("only-if-cached", cc.only_if_cached);
  flag("public", cc.is_public);
  flag("private", cc.is_private);
  flag("must-revalidate", cc.must_revalidate);
  flag("proxy-revalidate", cc.proxy_revalidate);
  flag("must-understand", cc.must_understand);
  flag("immutable", cc.immutable);
  list("no-cache", cc.no_cache_fields);
  list("private", cc.private_fields);
  if (!text.empty()) text.pop_back();
  return text;
}

Fields fields_of(const std::vector<std::string_view>& lines) {
  Fields fields;
  for (std::string_view line : lines) fields.add(FieldId::kCacheControl, line);
  return fields;
}

struct Case {
  std::vector<std::string_view> lines;
  std::string_view expected;
};

}  // namespace

TEST_CASE("directives of responses, RFC 9111 section 5.2.2") {
  const Case cases[] = {
      {{""}, ""},
      {{"max-age=60"}, "max-age=60"},
      {{"MAX-AGE=60, S-MaxAge=\"10\""}, "max-age=60 s-maxage=10"},
      {{"max-age=0060"}, "max-age=60"},
      {{"public, max-age=1, must-revalidate, proxy-revalidate, no-transform, immutable"},
       "max-age=1 no-transform public must-revalidate proxy-revalidate immutable"},
      {{"no-store", "must-understand"}, "no-store must-understand"},
      {{"stale-while-revalidate=5,stale-if-error=6"}, "swr=5 sie=6"},  // RFC 5861
      {{"foo, bar=1, baz=\"no-store, private\", max-age=7"}, "max-age=7"},
      {{"foo=\"\\\", no-store\", max-age=7"}, "max-age=7"},
      // RFC 9111 §1.2.2: too large is 2^31
      {{"max-age=2147483648"}, "max-age=2147483648"},
      {{"max-age=2147483649"}, "max-age=2147483648"},
      {{"max-age=99999999999999999999999999999"}, "max-age=2147483648"},
      // §4.2.1: invalid is stale
      {{"max-age"}, "max-age=0"},
      {{"max-age="}, "max-age=0"},
      {{"max-age=\"\""}, "max-age=0"},
      {{"max-age=-1"}, "max-age=0"},
      {{"max-age=+1"}, "max-age=0"},
      {{"max-age=1.5"}, "max-age=0"},
      {{"max-age=1e3"}, "max-age=0"},
      {{"max-age=1s"}, "max-age=0"},
      {{"max-age=1 2"}, "max-age=0"},
      {{"max-age = 5"}, "max-age=0"},
      {{"max-age =5"}, "max-age=0"},
      {{"max-age= 5"}, "max-age=0"},
      {{"max-age='5'"}, "max-age=0"},
      {{"max-age=\"5"}, "max-age=0"},
      {{"max-age=\" 5\""}, "max-age=0"},
      {{"s-maxage=x, max-age=5"}, "max-age=5 s-maxage=0"},
      {{"stale-while-revalidate=x, stale-if-error"}, ""},
      // Repeated or conflicting: what allows least
      {{"max-age=5, max-age=3", "max-age=4"}, "max-age=3"},
      {{"max-age=5, max-age=x"}, "max-age=0"},
      {{"stale-if-error=9, stale-if-error=8"}, "sie=8"},
      {{"public, private"}, "public private"},
      // Qualified forms, §5.2.2.4 and §5.2.2.7
      {{"no-cache"}, "no-cache"},
      {{"no-cache=\"Set-Cookie\""}, "no-cache[Set-Cookie]"},
      {{"no-cache=Set-Cookie"}, "no-cache[Set-Cookie]"},
      {{"private=\"a, b\", no-cache=\"c\", no-cache=\"d\""}, "no-cache[c d] private[a b]"},
      {{"no-cache=\"a\", no-cache"}, "no-cache no-cache[a]"},
      {{"no-cache=\"\""}, "no-cache"},
      {{"private="}, "private"},
      {{"private=\"a b\""}, "private"},
      {{"no-cache = \"a\""}, "no-cache"},
      // What forbids is heard also with a needless argument, what allows is not
      {{"no-store=1, must-revalidate=\"x\""}, "no-store must-revalidate"},
      {{"public=1, immutable=x, must-understand=y"}, ""},
      // A quote without end hides nothing
      {{"foo=\"bar, no-store"}, "no-store"},
      {{"max-age=\"10, private"}, "max-age=0 private"},
      // Directives of requests mean nothing here
      {{"max-stale, min-fresh=5, only-if-cached"}, ""},
  };
  for (const Case& c : cases) {
    const Fields fields = fields_of(c.lines);
    CAPTURE(*fields.joined(FieldId::kCacheControl));
    const CacheControl cc = parse_response_cache_control(fields);
    CHECK(show(cc) == c.expected);
    CHECK(cc.present);
  }
}

TEST_CASE("directives of requests, RFC 9111 section 5.2.1") {
  const Case cases[] = {
      {{"no-cache"}, "no-cache"},
      {{"no-cache=\"a\""}, "no-cache"},
      {{"max-age=0, no-store, no-transform, only-if-cached"},
       "max-age=0 no-store no-transform only-if-cached"},
      {{"max-stale"}, "any-max-stale"},
      {{"max-stale=5"}, "max-stale=5"},
      {{"max-stale, max-stale=5"}, "max-stale=5 any-max-stale"},
      {{"max-stale=7, max-stale=5"}, "max-stale=5"},
      {{"min-fresh=1, min-fresh=3, min-fresh=2"}, "min-fresh=3"},
      {{"stale-if-error=9"}, "sie=9"},
      {{"MIN-FRESH=\"4\""}, "min-fresh=4"},
      // Malformed arguments are ignored
      {{"max-age=x, max-stale=x, min-fresh=-1, stale-if-error="}, ""},
      {{"max-age=5, max-age=x"}, "max-age=5"},
      {{"max-age"}, ""},
      {{"max-age=99999999999"}, "max-age=2147483648"},
      // Directives of responses mean nothing here
      {{"s-maxage=5, private, public, must-revalidate, immutable"}, ""},
  };
  for (const Case& c : cases) {
    const Fields fields = fields_of(c.lines);
    CAPTURE(*fields.joined(FieldId::kCacheControl));
    const CacheControl cc = parse_request_cache_control(fields);
    CHECK(show(cc) == c.expected);
    CHECK(cc.present);
  }
}

TEST_CASE("no field is not the same as an empty one") {
  CHECK_FALSE(parse_request_cache_control({}).present);
  CHECK_FALSE(parse_response_cache_control({}).present);
  CHECK(parse_response_cache_control(fields_of({""})).present);
}

TEST_CASE("targeted fields are dictionaries of the same directives") {  // RFC 9213 §2.1
  struct Row {
    std::vector<std::string_view> lines;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{{"max-age=60"}, "max-age=60"},
           Row{{"max-age=60, s-maxage=30"}, "max-age=60 s-maxage=30"},
           Row{{"max-age=60", "must-revalidate"}, "max-age=60 must-revalidate"},
           Row{{"max-age=60, max-age=5"}, "max-age=5"},  // RFC 9651 §4.2.2
           Row{{"max-age=60;x=1"}, "max-age=60"},
           Row{{"max-age=-1"}, "max-age=0"},
           Row{{"max-age=99999999999"}, "max-age=2147483648"},
           Row{{"stale-while-revalidate=1, stale-if-error=2"}, "swr=1 sie=2"},
           Row{{"no-cache, no-store=?0, private=?1"}, "no-cache private"},
           Row{{"no-cache=\"set-cookie, x\""}, "no-cache[set-cookie x]"},
           Row{{"private=set-cookie"}, "private[set-cookie]"},
           Row{{"no-cache=\"a b\""}, "no-cache"},  // no list of names: all is meant
           Row{{"public, must-understand, immutable, no-transform, proxy-revalidate"},
               "no-transform public proxy-revalidate must-understand immutable"},
           Row{{"foo=(1 2), max-age=1"}, "max-age=1"},
       }) {
    CAPTURE(row.lines.front());
    Fields fields;
    for (std::string_view line : row.lines) fields.add(FieldId::kCdnCacheControl, line);
    const auto cc = parse_targeted_cache_control(fields, "CDN-Cache-Control");
    REQUIRE(cc);
    CHECK(show(*cc) == row.expected);
    CHECK((cc->present && cc->targeted));
  }
}

TEST_CASE("a targeted field that is empty or wrong is as if it were not there") {  // RFC 9213 §2.1
  for (std::string_view line :
       {"", " ", "max-age=\"60\"", "max-age=60.0", "max-age", "max-age=60, &&&", "max-age = 60",
        "Max-Age=60", "no-store=1", "no-cache=5", "private=(a)", "max-age=60,"}) {
    CAPTURE(line);
    Fields fields;
    fields.add("Edge-Control", line);
    CHECK_FALSE(parse_targeted_cache_control(fields, "edge-control"));
  }
  CHECK_FALSE(parse_targeted_cache_control(Fields{}, "CDN-Cache-Control"));
}
