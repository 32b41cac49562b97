#include "policy/admission.h"

#include <doctest/doctest.h>

#include "policy/forwarding.h"
#include "policy/messages.h"

namespace weir::policy {
namespace {

using http::FieldId;

constexpr FetchTimes kAtOnce{kNow, kNow};

Admission admitted(const http::Request& asked, const http::Response& r, const Rules& rules = {},
                   bool validating = false) {
  return admit(asked, classify(asked, rules), r, rules, kAtOnce, validating);
}

http::Response ok(std::string_view directives) {
  return response(200, {{"Date", date(0)}, {"Cache-Control", directives}});
}

struct Case {
  const char* section;
  http::Response response;
  const char* reason;  // "cacheable": kept
  bool hit_for_miss = false;
};

void check(const http::Request& asked, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.section);
    CAPTURE(c.response.status);
    CAPTURE(c.response.fields.joined("cache-control").value_or("no Cache-Control"));
    const Admission a = admitted(asked, c.response);
    CHECK(a.reason == c.reason);
    CHECK((a.verdict == Verdict::kKeep) == (a.reason == "cacheable"));
    CHECK(a.hit_for_miss == c.hit_for_miss);
  }
}

TEST_CASE("any final status with explicit freshness is kept, understood or not") {  // RFC 9111 §3
  for (const int status : {200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 403, 404, 410, 499,
                           500, 502, 503, 504, 599}) {
    CAPTURE(status);
    const Admission a = admitted(get({}), response(status, {{"Cache-Control", "max-age=60"}}));
    CHECK(a.verdict == Verdict::kKeep);
    CHECK(a.reason == "cacheable");
    CHECK(a.freshness.lifetime == Seconds{60});
  }
}

TEST_CASE("responses are kept or refused as the shared cache's list says") {
  const std::string old = date(-86400), hour = date(3600);
  check(
      get({}),
      {
          {"3", ok("max-age=60"), "cacheable"},
          {"3", ok("s-maxage=60"), "cacheable"},
          {"3", response(302, {{"Expires", hour}}), "cacheable"},
          {"3", response(302, {{"Last-Modified", old}}), "status", true},
          {"3", response(302, {{"Last-Modified", old}, {"Cache-Control", "public"}}), "cacheable"},
          {"4.2.2", response(404, {{"Last-Modified", old}}), "cacheable"},
          {"5.2.2.5", ok("no-store, max-age=60"), "no_store", true},
          {"5.2.2.7", ok("private, max-age=60"), "private", true},
          {"5.2.2.7", ok("private=\"x\", max-age=60"), "cacheable"},  // but for x
          {"5.2.2.3", ok("must-understand, no-store, max-age=60"), "cacheable"},
          {"5.2.2.3", response(499, {{"Cache-Control", "must-understand, max-age=60"}}),
           "must_understand", true},
          {"4.1", response(200, {{"Cache-Control", "max-age=60"}, {"Vary", "a, *"}}), "vary_star",
           true},
          {"4.1", response(200, {{"Cache-Control", "max-age=60"}, {"Vary", "a"}}), "cacheable"},
          {"3.3", response(206, {{"Cache-Control", "max-age=60"}}), "partial"},
          {"3", response(412, {{"Cache-Control", "max-age=60"}}), "status"},
          {"3", response(416, {{"Cache-Control", "max-age=60"}}), "status"},
          {"4.3.4", response(304, {{"Cache-Control", "max-age=60"}}), "not_modified"},
          {"3", response(503, {}), "status", false},  // it may recover
          {"3", response(503, {{"Cache-Control", "no-store"}}), "no_store", false},
      });
}

TEST_CASE("what can never be reused is kept only with a validator") {
  const FieldList tag_only = {{"ETag", "\"a\""}};
  check(
      get({}),
      {
          {"4.2", response(200, {}), "no_lifetime", true},
          {"4.2", response(200, tag_only), "cacheable"},
          {"4.2", response(404, tag_only), "no_lifetime", true},  // RFC 9110 §13.2.1: 2xx validate
          {"4.2", ok("max-age=0"), "already_stale", true},
          {"4.2", response(200, {{"Cache-Control", "max-age=0"}, {"ETag", "\"a\""}}), "cacheable"},
          {"4.2", response(200, {{"Cache-Control", "max-age=9"}, {"Age", "9"}}), "already_stale",
           true},
          {"4.2", response(200, {{"Expires", "0"}}), "already_stale", true},
          {"4.2", response(200, {{"Expires", "0"}, {"Last-Modified", date(-9)}}), "cacheable"},
          {"5.2.2.4", ok("no-cache, max-age=60"), "no_cache", true},
          {"5.2.2.4", ok("no-cache=\"x\", max-age=60"), "cacheable"},  // but for x
          {"5.2.2.4", response(200, {{"Cache-Control", "no-cache"}, {"ETag", "W/\"a\""}}),
           "cacheable"},
          {"5861 3", ok("max-age=0, stale-while-revalidate=60"), "cacheable"},
          {"5861 4", ok("max-age=0, stale-if-error=60"), "cacheable"},
          {"4.2.4", ok("max-age=0, stale-if-error=60, must-revalidate"), "already_stale", true},
      });
}

TEST_CASE("what a request with Authorization brings is kept only when the response says so") {
  check(get({{"Authorization", "Basic x"}}),
        {
            {"3.5", ok("max-age=60"), "authorization", true},
            {"3.5", ok("max-age=60, public"), "cacheable"},
            {"3.5", ok("max-age=60, must-revalidate"), "cacheable"},
            {"3.5", ok("s-maxage=60"), "cacheable"},
            {"3.5", ok("max-age=60, proxy-revalidate"), "authorization", true},
            {"3.5", ok("s-maxage=60, private"), "private", true},
        });
}

TEST_CASE("what lies in the request keeps nobody else from trying") {
  CHECK(admitted(get({{"Cache-Control", "no-store"}}), ok("max-age=60")).reason ==
        "request_no_store");  // §5.2.1.5
  CHECK(admitted(request(http::Method::kHead, {}), ok("max-age=60")).reason == "method");
  const Admission post = admitted(request(http::Method::kPost, {}), ok("max-age=60"));
  CHECK(post.reason == "method");
  CHECK(post.verdict == Verdict::kPass);
  CHECK_FALSE(post.hit_for_miss);
}

TEST_CASE("Set-Cookie is kept with what states a lifetime, or where the site says so for many") {
  const std::string old = date(-86400), soon = date(60);
  struct Row {
    const char* section;
    FieldList fields;
    bool rfc, strict;  // kept by default, and by a site that treats it as uncacheable
  };
  for (const Row& row : {
           Row{"7.3", {{"Cache-Control", "max-age=60"}}, true, false},
           Row{"7.3", {{"Expires", soon}}, true, false},
           Row{"7.3", {{"Cache-Control", "max-age=60, public"}}, true, true},
           Row{"7.3", {{"Cache-Control", "s-maxage=60"}}, true, true},
           Row{"4.2.2", {{"Last-Modified", old}}, false, false},  // never by heuristics
           Row{"4.2.2", {{"Last-Modified", old}, {"Cache-Control", "public"}}, true, true},
           Row{"5.2.2.4",
               {{"Last-Modified", old}, {"Cache-Control", "no-cache=set-cookie"}},
               true,
               true},  // it is not among what is kept
       }) {
    CAPTURE(row.section);
    CAPTURE(row.fields.front().second);
    http::Response r = response(200, row.fields);
    r.fields.add("Set-Cookie", "a=b");
    const Admission a = admitted(get({}), r), b = admitted(get({}), r, {.store_set_cookie = false});
    CHECK(a.reason == (row.rfc ? "cacheable" : "set_cookie"));
    CHECK(b.reason == (row.strict ? "cacheable" : "set_cookie"));
    CHECK(b.hit_for_miss == !row.strict);
  }
}

TEST_CASE("fields that no-cache and private name are withheld from others") {
  const http::Response r = response(200, {{"A", "1"},
                                          {"b", "2"},
                                          {"C", "3"},
                                          {"a", "4"},
                                          {"Cache-Control", "no-cache=\"a\", private=\"B, x\""},
                                          {"Cache-Control", "max-age=60"}});
  const Admission a = admitted(get({}), r);
  CHECK(a.verdict == Verdict::kKeep);
  CHECK(a.withheld == std::vector<std::string>{"B", "x", "a"});
  const http::Response others = without(r, a.withheld);
  CHECK_FALSE((others.fields.get("a") || others.fields.get("b")));
  CHECK(others.fields.get("c") == "3");
  CHECK(others.status == 200);
  CHECK(admitted(get({}), ok("max-age=60")).withheld.empty());
}

TEST_CASE("targeted directives stand for all of Cache-Control and Expires") {  // RFC 9213 §2.2
  const std::string soon = date(9);
  struct Row {
    FieldList fields;
    const char* reason;
    long lifetime;
  };
  for (const Row& row : {
           Row{{{"CDN-Cache-Control", "max-age=9"}, {"Cache-Control", "no-store"}}, "cacheable", 9},
           Row{{{"CDN-Cache-Control", "max-age=9"}, {"Expires", "0"}}, "cacheable", 9},
           Row{{{"CDN-Cache-Control", "no-store"}, {"Cache-Control", "max-age=9"}}, "no_store", 0},
           Row{{{"CDN-Cache-Control", "private"}, {"Expires", soon}}, "private", 0},
           Row{{{"CDN-Cache-Control", "foo"}, {"Expires", soon}}, "no_lifetime", 0},
           Row{{{"CDN-Cache-Control", "max-age=9,"}, {"Cache-Control", "max-age=5"}},
               "cacheable",
               5},
           Row{{{"CDN-Cache-Control", "max-age=9"}, {"Weir-CDN-Cache-Control", "max-age=7"}},
               "cacheable",
               7},
           Row{{{"CDN-Cache-Control", "max-age=9"}, {"Weir-CDN-Cache-Control", "7"}},
               "cacheable",
               9},
       }) {
    CAPTURE(row.fields.front().second);
    CAPTURE(row.fields.back().second);
    const Admission a = admitted(get({}), response(200, row.fields));
    CHECK(a.reason == row.reason);
    CHECK(a.freshness.lifetime.count() == row.lifetime);
  }
  const http::Response r =
      response(200, {{"Edge-Control", "max-age=3"}, {"Weir-CDN-Cache-Control", "max-age=7"}});
  CHECK(admitted(get({}), r, {.own_target = "edge-control"}).freshness.lifetime == Seconds{3});
  CHECK(admitted(get({}), r, {.own_target = ""}).reason == "no_lifetime");
}

TEST_CASE("an error is not kept for longer than the site allows") {
  const Rules rules{.negative_max = Seconds{5}};
  for (const int status : {404, 503}) {
    const http::Response r = response(status, {{"Cache-Control", "max-age=60"}});
    CHECK(admitted(get({}), r, rules).freshness.lifetime == Seconds{5});
    CHECK(admitted(get({}), r).freshness.lifetime == Seconds{60});
  }
  CHECK(admitted(get({}), ok("max-age=60"), rules).freshness.lifetime == Seconds{60});
}

struct PostCase {
  const char* section;
  http::Response response;
  FieldList asked;
  const char* reason;
};

TEST_CASE("a POST leaves an answer for GET if it says so itself, and for how long") {
  const auto answer = [](int status, std::string_view location, std::string_view cc) {
    return response(status, {{"Content-Location", location}, {"Cache-Control", cc}});
  };
  for (const PostCase& c : {
           PostCase{"9110 9.3.3", answer(200, "/p", "max-age=60"), {}, "cacheable"},
           PostCase{
               "9110 9.3.3", answer(201, "http://example.org/p", "s-maxage=60"), {}, "cacheable"},
           PostCase{"9110 9.3.3", answer(200, "/q", "max-age=60"), {}, "method"},
           PostCase{"9110 9.3.3", answer(200, "https://example.org/p", "max-age=60"), {}, "method"},
           PostCase{"9110 9.3.3", answer(200, "/p", "public"), {}, "method"},
           PostCase{"9110 9.3.3", answer(303, "/p", "max-age=60"), {}, "method"},
           PostCase{"9110 9.3.3", response(200, {{"Cache-Control", "max-age=60"}}), {}, "method"},
           PostCase{"9111 5.2.2.5", answer(200, "/p", "max-age=60, no-store"), {}, "no_store"},
           PostCase{"9111 5.2.1.5",
                    answer(200, "/p", "max-age=60"),
                    {{"Cache-Control", "no-store"}},
                    "request_no_store"},
           PostCase{"9111 3.5",
                    answer(200, "/p", "max-age=60"),
                    {{"Authorization", "Basic x"}},
                    "authorization"},
           PostCase{"9110 15.3.7", answer(206, "/p", "max-age=60"), {}, "partial"},
       }) {
    CAPTURE(c.section);
    CAPTURE(c.response.fields.get("Content-Location").value_or("none"));
    const http::Request asked = request(http::Method::kPost, c.asked);
    const Admission a =
        admit_post(asked, classify(asked, {}), "http://example.org/p", c.response, {}, kAtOnce);
    CHECK(a.reason == c.reason);
    CHECK((a.verdict == Verdict::kKeep) == (a.reason == "cacheable"));
  }
  const http::Request put = request(http::Method::kPut, {});
  CHECK(admit_post(put, classify(put, {}), "http://example.org/p", answer(200, "/p", "max-age=60"),
                   {}, kAtOnce)
            .reason == "method");
}

TEST_CASE("a site's default lifetime serves heuristically cacheable statuses and grace counts") {
  const Rules rules{.default_ttl = Seconds{5}};
  CHECK(admitted(get({}), response(200, {}), rules).reason == "cacheable");
  CHECK(admitted(get({}), response(302, {}), rules).reason == "status");
  CHECK(admitted(get({}), ok("max-age=0"), {.grace = Seconds{5}}).reason == "cacheable");
}

TEST_CASE("a 304 to our own validation freshens, and the new head is admitted again") {
  http::Response stored = response(200, {{"ETag", "\"a\""}, {"Cache-Control", "max-age=1"}});
  const http::Response update = response(304, {{"Cache-Control", "no-store"}});
  CHECK(admitted(get({}), update, {}, true).verdict == Verdict::kFreshen);
  freshen(stored, update);
  CHECK(admitted(get({}), stored).reason == "no_store");
  CHECK(admitted(get({}), ok("max-age=60"), {}, true).verdict == Verdict::kKeep);  // a new 200
}

struct FreshensCase {
  const char* section;
  FieldList stored;
  FieldList update;
  bool yes;
};

TEST_CASE("a 304 freshens the response that its validators speak of") {
  const FreshensCase cases[] = {
      {"4.3.4", {{"ETag", "\"a\""}}, {{"ETag", "\"a\""}}, true},
      {"4.3.4", {{"ETag", "\"a\""}}, {{"ETag", "\"b\""}}, false},
      {"4.3.4", {{"ETag", "W/\"a\""}}, {{"ETag", "W/\"a\""}}, true},
      {"4.3.4", {{"ETag", "\"a\""}}, {{"ETag", "W/\"a\""}}, true},   // weak comparison
      {"4.3.4", {{"ETag", "W/\"a\""}}, {{"ETag", "\"a\""}}, false},  // a strong one must be ours
      {"4.3.4", {}, {{"ETag", "\"a\""}}, false},
      {"4.3.4", {{"ETag", "a"}}, {{"ETag", "a"}}, true},
      {"4.3.4", {{"ETag", "\"a\""}}, {}, true},
      {"4.3.4", {{"Last-Modified", "x"}}, {{"Last-Modified", "x"}}, true},
      {"4.3.4", {{"Last-Modified", "x"}}, {{"Last-Modified", "y"}}, false},
      {"4.3.4", {{"Last-Modified", "x"}}, {}, true},
  };
  for (const FreshensCase& c : cases) {
    CAPTURE(c.section);
    CAPTURE(&c - cases);
    CHECK(freshens(response(200, c.stored), response(304, c.update)) == c.yes);
  }
}

TEST_CASE("a HEAD speaks of the stored response if nothing in it says otherwise") {
  struct Row {
    const char* section;
    FieldList stored, update;
    std::optional<std::uint64_t> length, head_length;
    bool agrees;
  };
  for (const Row& row : {
           Row{"4.3.5", {}, {}, {}, {}, true},
           Row{"4.3.5", {{"ETag", "\"a\""}}, {{"ETag", "\"a\""}}, 5, 5, true},
           Row{"4.3.5", {{"ETag", "\"a\""}}, {{"ETag", "\"b\""}}, 5, 5, false},
           Row{"4.3.5", {{"ETag", "\"a\""}}, {}, 5, {}, true},
           Row{"4.3.5", {}, {{"ETag", "\"a\""}}, 5, {}, false},
           Row{"4.3.5", {{"ETag", "\"a\""}}, {{"ETag", "\"a\""}}, 5, 6, false},
           Row{"4.3.5", {}, {}, {}, 6, false},
           Row{"4.3.5", {{"Last-Modified", "x"}}, {{"Last-Modified", "x"}}, 5, {}, true},
           Row{"4.3.5", {{"Last-Modified", "x"}}, {{"Last-Modified", "y"}}, 5, {}, false},
           Row{"4.3.5",
               {{"ETag", "\"a\""}, {"Last-Modified", "x"}},
               {{"ETag", "\"a\""}, {"Last-Modified", "y"}},
               5,
               {},
               false},
       }) {
    CAPTURE(row.section);
    CHECK(head_agrees(response(200, row.stored), row.length, response(200, row.update),
                      row.head_length) == row.agrees);
  }
}

TEST_CASE("freshening replaces fields and leaves those that describe the stored bytes") {  // §3.2
  http::Response stored = response(200, {{"Content-Length", "5"},
                                         {"Content-Encoding", "gzip"},
                                         {"Content-Type", "text/plain"},
                                         {"X-Multi", "1"},
                                         {"X-Kept", "kept"},
                                         {"Cache-Control", "max-age=1"},
                                         {"Age", "100"},
                                         {"Warning", "110 - \"stale\""},
                                         {"ETag", "\"a\""}});
  freshen(stored, response(304, {{"Content-Length", "10"},
                                 {"content-encoding", "br"},
                                 {"Content-Range", "bytes 0-1/2"},
                                 {"Content-Type", "text/html"},
                                 {"x-multi", "2"},
                                 {"X-Multi", "3"},
                                 {"Cache-Control", "max-age=2"},
                                 {"Cache-Control", "public"},
                                 {"Keep-Alive", "timeout=1"},
                                 {"X-New", "new"}}));
  const auto field = [&](std::string_view name) { return stored.fields.joined(name); };
  CHECK(field("Content-Length") == "5");
  CHECK(field("Content-Encoding") == "gzip");
  CHECK_FALSE(field("Content-Range"));
  CHECK(field("Content-Type") == "text/html");
  CHECK(field("X-Multi") == "2, 3");
  CHECK(field("X-Kept") == "kept");
  CHECK(field("Cache-Control") == "max-age=2, public");
  CHECK(field("ETag") == "\"a\"");
  CHECK(field("X-New") == "new");
  CHECK_FALSE(field("Keep-Alive"));
  CHECK_FALSE(field("Age"));
  CHECK_FALSE(field("Warning"));
  CHECK(stored.status == 200);
}

TEST_CASE("of a strong ETag and its weak twin the strong one stays") {
  struct Row {
    const char *stored, *update, *after;
  };
  for (const Row& row :
       {Row{"\"a\"", "W/\"a\"", "\"a\""},  // bytes of a part still fit to it
        Row{"\"a\"", "\"a\"", "\"a\""}, Row{"W/\"a\"", "W/\"a\"", "W/\"a\""}, Row{"a", "a", "a"}}) {
    CAPTURE(row.stored);
    CAPTURE(row.update);
    http::Response stored = response(200, {{"ETag", row.stored}});
    const http::Response update = response(304, {{"ETag", row.update}});
    REQUIRE(freshens(stored, update));
    freshen(stored, update);
    CHECK(stored.fields.count(FieldId::kETag) == 1);
    CHECK(stored.fields.get(FieldId::kETag) == row.after);
  }
}

TEST_CASE("the Age of a 304 takes the place of the old one, for admission to see") {
  http::Response stored = response(200, {{"ETag", "\"a\""}, {"Age", "100"}});
  freshen(stored, response(304, {{"Age", "7"}, {"Date", date(0)}, {"Cache-Control", "max-age=9"}}));
  CHECK(stored.fields.joined("Age") == "7");
  CHECK(admitted(get({}), stored).freshness.ttl(kNow) == Seconds{2});
}

TEST_CASE("a head that is freshened again and again does not grow") {
  http::Response stored = response(200, {{"ETag", "\"a\""},
                                         {"Cache-Control", "no-cache"},
                                         {"X-Kept", std::string(1000, 'k')},
                                         {"X-Big", std::string(4000, 'b')}});
  const http::Response update = response(304, {{"ETag", "\"a\""},
                                               {"Cache-Control", "no-cache"},
                                               {"Age", "1"},
                                               {"X-Big", std::string(4000, 'c')}});
  freshen(stored, update);
  const std::size_t bytes = stored.fields.bytes();
  for (int i = 0; i < 1000; ++i) {
    http::Response copy = stored;
    freshen(copy, update);
    copy.fields.remove(FieldId::kAge);  // as the cache does before it keeps it
    stored = copy;
  }
  CHECK(stored.fields.bytes() <= bytes);
}

TEST_CASE("only a 2xx is validated, and only such a one is freshened") {  // RFC 9110 §13.2.1
  for (const int status : {200, 203, 204, 301, 404, 410, 500}) {
    CAPTURE(status);
    const bool success = status < 300;
    const http::Response stored =
        response(status, {{"ETag", "\"a\""}, {"Last-Modified", date(-9)}});
    CHECK(can_be_validated(status) == success);
    CHECK(freshens(stored, response(304, {{"ETag", "\"a\""}})) == success);
    http::Request to;
    add_validators(stored, to);
    CHECK(to.fields.has(FieldId::kIfNoneMatch) == success);
    CHECK(to.fields.has(FieldId::kIfModifiedSince) == success);
  }
}

}  // namespace
}  // namespace weir::policy
