#include "policy/freshness.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

Freshness fresh(const http::Response& r, const Rules& rules = {}, Seconds delay = Seconds{0}) {
  return freshness_of(r, directives_of(r, rules), rules, kNow - delay, kNow);
}

struct LifetimeCase {
  const char* section;
  const char* what;
  http::Response response;
  long lifetime;
  LifetimeSource source;
};

TEST_CASE("the lifetime comes from the first of s-maxage, max-age, Expires, heuristics") {
  using enum LifetimeSource;
  const std::string now = date(0), hour = date(3600), past = date(-3600), day = date(-86400);
  const LifetimeCase cases[] = {
      {"4.2.1", "s-maxage wins",
       response(200, {{"Cache-Control", "max-age=1, s-maxage=60"}, {"Expires", hour}}), 60,
       kSMaxage},
      {"4.2.1", "max-age wins over Expires",
       response(200, {{"Cache-Control", "max-age=60"}, {"Expires", past}}), 60, kMaxAge},
      {"4.2.1", "max-age=0 wins over Expires",
       response(200, {{"Cache-Control", "max-age=0"}, {"Expires", hour}}), 0, kMaxAge},
      {"1.2.2", "overflow is clamped",
       response(200, {{"Cache-Control", "max-age=99999999999999999999"}}), 2147483648, kMaxAge},
      {"4.2.1", "malformed max-age is stale", response(200, {{"Cache-Control", "max-age=a1"}}), 0,
       kMaxAge},
      {"5.3", "Expires minus Date", response(200, {{"Date", past}, {"Expires", now}}), 3600,
       kExpires},
      {"5.3", "Expires without Date", response(200, {{"Expires", hour}}), 3600, kExpires},
      {"5.3", "Expires with an invalid Date", response(200, {{"Date", "foo"}, {"Expires", hour}}),
       3600, kExpires},
      {"5.3", "Expires before Date", response(200, {{"Date", now}, {"Expires", past}}), 0,
       kExpires},
      {"5.3", "Expires: 0", response(200, {{"Expires", "0"}}), 0, kExpires},
      {"5.3", "Expires in another time zone",
       response(200, {{"Expires", "Thu, 18 Aug 2050 02:01:18 UTC"}}), 0, kExpires},
      {"4.2.1", "the first Expires of two", response(200, {{"Expires", hour}, {"Expires", "0"}}),
       3600, kExpires},
      {"4.2.2", "an invalid Expires leaves no room for heuristics",
       response(200, {{"Expires", "0"}, {"Last-Modified", day}}), 0, kExpires},
      {"4.2.2", "a tenth of the time since the last change",
       response(200, {{"Date", now}, {"Last-Modified", day}}), 8640, kHeuristic},
      {"4.2.2", "as of Date, not as of now",
       response(200, {{"Date", past}, {"Last-Modified", day}}), 8280, kHeuristic},
      {"4.2.2", "a change in the future tells nothing",
       response(200, {{"Date", now}, {"Last-Modified", hour}}), 0, kNone},
      {"4.2.2", "an invalid change tells nothing",
       response(200, {{"Date", now}, {"Last-Modified", "yesterday"}}), 0, kNone},
      {"4.2.2", "302 is not heuristically cacheable",
       response(302, {{"Date", now}, {"Last-Modified", day}}), 0, kNone},
      {"4.2.2", "unless it is marked public",
       response(599, {{"Date", now}, {"Last-Modified", day}, {"Cache-Control", "public"}}), 8640,
       kHeuristic},
      {"4.2.2", "a query does not matter any more", response(404, {{"Last-Modified", day}}), 8640,
       kHeuristic},
      {"4.2", "nothing is said", response(200, {}), 0, kNone},
  };
  for (const LifetimeCase& c : cases) {
    CAPTURE(c.section);
    CAPTURE(c.what);
    const Freshness f = fresh(c.response);
    CHECK(f.lifetime.count() == c.lifetime);
    CHECK(f.source == c.source);
  }
}

TEST_CASE("the statuses of RFC 9110 §15.1 are heuristically cacheable and no others") {
  std::string all;
  for (int status = 100; status < 600; ++status) {
    if (heuristically_cacheable(status)) all += std::to_string(status) + " ";
  }
  CHECK(all == "200 203 204 206 300 301 308 404 405 410 414 501 ");
}

TEST_CASE("a site bounds or forbids heuristics and gives a default lifetime") {
  const http::Response old =
      response(200, {{"Date", date(0)}, {"Last-Modified", date(-86400 * 365)}});
  CHECK(fresh(old).lifetime == Seconds{86400});
  CHECK(fresh(old, {.heuristic_max = Seconds{60}}).lifetime == Seconds{60});
  CHECK(fresh(old, {.heuristic = false}).source == LifetimeSource::kNone);

  const Rules rules{.default_ttl = Seconds{5}};
  CHECK(fresh(response(200, {}), rules).source == LifetimeSource::kSiteDefault);
  CHECK(fresh(response(200, {}), rules).lifetime == Seconds{5});
  CHECK(fresh(old, rules).source == LifetimeSource::kHeuristic);
  CHECK(fresh(response(500, {}), rules).source == LifetimeSource::kNone);
  CHECK(fresh(response(200, {{"Cache-Control", "max-age=0"}}), rules).lifetime == Seconds{0});
}

struct AgeCase {
  const char* section;
  http::Response response;
  long delay;
  long initial_age;
};

TEST_CASE("the age on arrival counts Age, Date and the time that the request took") {
  const AgeCase cases[] = {
      {"4.2.3", response(200, {{"Date", date(0)}}), 0, 0},
      {"4.2.3", response(200, {{"Date", date(-30)}}), 0, 30},              // apparent_age
      {"4.2.3", response(200, {{"Date", date(30)}}), 0, 0},                // origin's clock ahead
      {"4.2.3", response(200, {{"Date", date(-2)}}), 5, 5},                // response_delay
      {"4.2.3", response(200, {{"Date", date(0)}, {"Age", "7"}}), 5, 12},  // both
      {"4.2.3", response(200, {{"Date", date(-100)}, {"Age", "7"}}), 0, 100},  // the larger
      {"4.2.3", response(200, {{"Age", "7"}}), 0, 7},                          // no Date
      {"4.2.3", response(200, {{"Date", "bad"}, {"Age", "7"}}), 0, 7},
      {"5.1", response(200, {{"Age", "7, 0"}}), 0, 7},
      {"5.1", response(200, {{"Age", "0, 7"}}), 0, 0},
      {"5.1", response(200, {{"Age", "7"}, {"Age", "0"}}), 0, 7},
      {"5.1", response(200, {{"Age", "0"}, {"Age", "7"}}), 0, 0},
      {"5.1", response(200, {{"Age", "7.0"}}), 0, 0},
      {"5.1", response(200, {{"Age", "-7"}}), 0, 0},
      {"5.1", response(200, {{"Age", "+7"}}), 0, 0},
      {"5.1", response(200, {{"Age", "abc"}}), 0, 0},
      {"5.1", response(200, {{"Age", "7abc"}}), 0, 0},
      {"5.1", response(200, {{"Age", "7;a=b"}}), 0, 0},
      {"5.1", response(200, {{"Age", ""}}), 0, 0},
      {"1.2.2", response(200, {{"Age", "2147483649"}}), 0, 2147483648},
      {"1.2.2", response(200, {{"Age", "99999999999999999999999"}}), 9, 2147483648},
      {"4.2.3", response(200, {{"Age", "7"}}), -5, 7},  // our clock was set back
  };
  for (const AgeCase& c : cases) {
    CAPTURE(c.section);
    CAPTURE(c.response.fields.joined("age").value_or("none"));
    CHECK(fresh(c.response, {}, Seconds{c.delay}).initial_age.count() == c.initial_age);
  }
}

TEST_CASE("age grows with the time in the cache, and fresh ends when it reaches the lifetime") {
  const Freshness f =
      fresh(response(200, {{"Date", date(0)}, {"Age", "4"}, {"Cache-Control", "max-age=10"}}));
  CHECK(f.age(kNow) == Seconds{4});
  CHECK(f.age(kNow + Seconds{5}) == Seconds{9});
  CHECK(f.ttl(kNow + Seconds{5}) == Seconds{1});
  CHECK(f.fresh(kNow + Seconds{5}));
  CHECK_FALSE(f.fresh(kNow + Seconds{6}));
  CHECK(f.ttl(kNow + Seconds{8}) == Seconds{-2});
  CHECK(f.age(kNow - Seconds{100}) == Seconds{4});  // a clock set back does not make it younger
}

struct FlagCase {
  const char* section;
  const char* directives;
  bool must_revalidate;
  bool no_cache;
};

TEST_CASE("directives that forbid stale answers are kept with the freshness") {
  const FlagCase cases[] = {
      {"5.2.2.1", "max-age=1", false, false},
      {"5.2.2.2", "max-age=1, must-revalidate", true, false},
      {"5.2.2.8", "max-age=1, proxy-revalidate", true, false},
      {"5.2.2.10", "s-maxage=1", true, false},
      {"5.2.2.4", "no-cache", false, true},
      {"5.2.2.4", "no-cache=\"set-cookie\"", false, false},  // of that field alone
  };
  for (const FlagCase& c : cases) {
    CAPTURE(c.section);
    CAPTURE(c.directives);
    const Freshness f = fresh(response(200, {{"Cache-Control", c.directives}}));
    CHECK(f.must_revalidate == c.must_revalidate);
    CHECK(f.no_cache == c.no_cache);
  }
}

TEST_CASE("stale-while-revalidate of the response wins over the site's grace") {
  const Rules rules{.grace = Seconds{10}};
  const auto swr = [&](std::string_view cc) {
    return fresh(response(200, {{"Cache-Control", cc}}), rules).stale_while_revalidate;
  };
  CHECK(swr("max-age=1") == Seconds{10});
  CHECK(swr("max-age=1, stale-while-revalidate=3") == Seconds{3});
  CHECK(swr("max-age=1, stale-while-revalidate=0") == Seconds{0});
  CHECK(fresh(response(200, {{"Cache-Control", "stale-if-error=9"}})).stale_if_error == Seconds{9});
}

TEST_CASE("stale-if-error of the response wins over the site's, and keep counts beyond both") {
  const Rules rules{.grace = Seconds{10}, .stale_if_error = Seconds{20}, .keep = Seconds{100}};
  const auto with = [&](std::string_view cc) {
    return fresh(response(200, {{"Cache-Control", cc}}), rules);
  };
  CHECK(with("max-age=1").stale_if_error == Seconds{20});
  CHECK(with("max-age=1, stale-if-error=3").stale_if_error == Seconds{3});
  CHECK(with("max-age=1, stale-if-error=0").stale_if_error == Seconds{0});
  const Freshness f = with("max-age=1");
  CHECK(f.kept(kNow));
  CHECK(f.kept(kNow + Seconds{1 + 20 + 100}));
  CHECK_FALSE(f.kept(kNow + Seconds{1 + 20 + 101}));
  CHECK(fresh(response(200, {})).kept(kNow + Seconds{1'000'000'000}));  // for ever
}

TEST_CASE("validators are noted with their strength") {
  const Freshness none = fresh(response(200, {{"Last-Modified", "junk"}}));
  CHECK_FALSE(none.can_validate());
  const Freshness strong = fresh(response(200, {{"ETag", "\"a\""}}));
  CHECK((strong.has_etag && strong.has_strong_etag && strong.can_validate()));
  const Freshness weak = fresh(response(200, {{"ETag", "W/\"a\""}}));
  CHECK((weak.has_etag && !weak.has_strong_etag));
  const Freshness unquoted = fresh(response(200, {{"ETag", "a"}}));
  CHECK((unquoted.has_etag && !unquoted.has_strong_etag));
  const Freshness dated = fresh(response(200, {{"Last-Modified", date(-9)}}));
  CHECK((dated.has_last_modified && dated.can_validate()));
}

TEST_CASE("those who wait for a response share it unless each must validate") {  // RFC 9111 §4
  struct Row {
    const char* what;
    FieldList fields;
    bool shared;
  };
  for (const Row& row : {
           Row{"fresh", {{"Cache-Control", "max-age=1"}}, true},
           Row{"fresh at its origin", {{"Cache-Control", "max-age=9"}, {"Age", "60"}}, true},
           Row{"fresh, but no-cache", {{"Cache-Control", "no-cache, max-age=60"}}, false},
           Row{"no-cache of a field", {{"Cache-Control", "no-cache=a, max-age=60"}}, true},
           Row{"never fresh", {{"Cache-Control", "max-age=0"}}, false},
           Row{"expired", {{"Expires", "0"}}, false},
           Row{"nothing said", {{"ETag", "\"a\""}}, false},
           Row{"may be stale", {{"Cache-Control", "max-age=0, stale-while-revalidate=9"}}, true},
           Row{"may not be stale",
               {{"Cache-Control", "max-age=0, must-revalidate, stale-while-revalidate=9"}},
               false},
       }) {
    CAPTURE(row.what);
    CHECK(fresh(response(200, row.fields), {}, Seconds{2}).serves_waiters() == row.shared);
  }
}

}  // namespace
}  // namespace weir::policy
