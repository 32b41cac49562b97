#include "proxy/rules.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>

#include "support/allocations.h"

namespace weir::proxy {
namespace {

using Lines = std::vector<std::pair<const char*, const char*>>;

http::Request request(std::string target, const Lines& fields = {}) {
  http::Request r;
  r.method_text = "GET";
  r.authority = "example.org:8080";
  r.target = std::move(target);
  for (const auto& [name, value] : fields) r.fields.add(name, value);
  return r;
}

Rule rule(std::string name) {
  Rule r;
  r.reason = "rule:" + name;
  return r;
}

Ruling judge(std::vector<Rule> rules, const http::Request& r) {
  static std::vector<std::unique_ptr<RuleSet>> kept;  // a Ruling points into it
  kept.push_back(std::make_unique<RuleSet>(std::move(rules)));
  Ruling out;
  out.begin({});
  kept.back()->judge(r, out);
  return out;
}

// Behind the host.
std::string key(const Ruling& ruling, const http::Request& r) {
  http::Request edited;
  edit_request(ruling, r, edited);
  cache::Key key;
  make_key(ruling, "http", r, edited, key);
  return key.text.substr(std::string_view("http://example.org:8080").size());
}

TEST_CASE("a rule acts where all of its conditions hold") {
  struct Row {
    const char* what;
    Rule rule;
    http::Request request;
    bool acts;
  };
  const auto with = [](auto change) {
    Rule r = rule("r");
    change(r);
    return r;
  };
  const auto test = [&](FieldTest t) { return with([&](Rule& r) { r.fields.push_back(t); }); };
  const FieldTest beta{"X-Beta", false, Glob("on*")}, any{"x-beta", false, {}},
      none{"X-Beta", true, {}};
  http::Request post = request("/a");
  post.method = http::Method::kPost;
  post.method_text = "POST";
  const Row rows[] = {
      {"without any", rule("r"), request("/a"), true},
      {"host", with([](Rule& r) {
         r.hosts = {"a.org", "example.org"};
       }),
       request("/a"), true},
      {"another host", with([](Rule& r) { r.hosts = {"a.org"}; }), request("/a"), false},
      {"hosts below", with([](Rule& r) { r.hosts = {"*.org"}; }), request("/a"), true},
      {"not the name itself", with([](Rule& r) { r.hosts = {"*.example.org"}; }), request("/a"),
       false},
      {"path", with([](Rule& r) {
         r.paths = {Glob("/b"), Glob("/a*")};
       }),
       request("/ab?c"), true},
      {"not the query", with([](Rule& r) { r.paths = {Glob("*c")}; }), request("/ab?c"), false},
      {"path by another spelling", with([](Rule& r) { r.paths = {Glob("/private/*")}; }),
       request("/x/..//%70rivate/a"), true},
      {"method", with([](Rule& r) {
         r.methods = {"GET", "POST"};
       }),
       post, true},
      {"another method", with([](Rule& r) { r.methods = {"GET"}; }), post, false},
      {"field and value", test(beta), request("/", {{"x-beta", "off"}}), false},
      {"field and value that match", test(beta), request("/", {{"x-beta", "only"}}), true},
      {"one of its lines", test(beta), request("/", {{"X-Beta", "a"}, {"X-Beta", "on"}}), true},
      {"field with any value", test(any), request("/", {{"X-Beta", ""}}), true},
      {"field that is not there", test(any), request("/"), false},
      {"field that must not be there", test(none), request("/", {{"X-Beta", ""}}), false},
      {"field that is not there, as wanted", test(none), request("/"), true},
      {"all must hold", with([&](Rule& r) {
         r.paths = {Glob("/a")};
         r.fields = {beta, none};
       }),
       request("/a", {{"X-Beta", "on"}}), false},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    CHECK(judge({row.rule}, row.request).acting.size() == (row.acts ? 1 : 0));
  }
}

TEST_CASE("all that match act in order: the last value counts, lists add up") {
  Rule a = rule("a"), b = rule("b"), elsewhere = rule("elsewhere");
  a.pass = true;
  a.ttl = Seconds{1};
  a.grace = Seconds{10};
  a.keep = Seconds{20};
  a.query_strip = {Glob("x")};
  b.pass = false;
  b.ttl = Seconds{2};
  b.query_strip = {Glob("y")};
  elsewhere.paths = {Glob("/elsewhere")};
  elsewhere.ttl = Seconds{3};
  const http::Request r = request("/a?x=1&y=2&z=3");
  const Ruling both = judge({a, elsewhere, b}, r);
  CHECK(both.acting.size() == 2);
  CHECK(both.pass == nullptr);
  CHECK(both.policy.ttl == Seconds{2});
  CHECK(both.policy.grace == Seconds{10});
  CHECK(both.policy.keep == Seconds{20});
  CHECK(key(both, r) == "/a?z=3");
  const Ruling turned = judge({b, a}, r);
  REQUIRE(turned.pass != nullptr);
  CHECK(turned.pass->reason == "rule:a");
  CHECK(turned.policy.ttl == Seconds{1});
}

TEST_CASE("a rule that answers, or says so, ends the walk") {
  Rule first = rule("first"), later = rule("later");
  later.pass = true;
  CHECK(judge({first, later}, request("/")).acting.size() == 2);
  first.last = true;
  CHECK(judge({first, later}, request("/")).acting.size() == 1);
  first.last = false;
  first.respond = 403;
  const Ruling ruling = judge({first, later}, request("/"));
  CHECK(ruling.acting.size() == 1);
  REQUIRE(ruling.respond != nullptr);
  CHECK(ruling.respond->reason == "rule:first");
}

TEST_CASE("the key has what rules say, and is one text for one meaning") {
  struct Row {
    const char* what;
    http::Request request;
    const char* key;
  };
  Rule r = rule("r");
  r.query_ignore = {Glob("utm_*")};
  r.query_sort = true;
  r.key_fields = {"x-a", "x-b"};
  r.key_cookies = {"lang"};
  const Row rows[] = {
      {"plain", request("/a?c=1&b=2&utm_x=3"), "/a?b=2&c=1"},
      {"a field", request("/", {{"X-A", "v w"}}), "/ field:x-a=v%20w"},
      {"an empty field", request("/", {{"X-A", ""}}), "/ field:x-a="},
      {"two lines", request("/", {{"X-B", "1"}, {"X-B", "2"}}), "/ field:x-b=1,%202"},
      {"a field that looks like two", request("/", {{"X-A", "1 field:x-b=2"}}),
       "/ field:x-a=1%20field:x-b=2"},
      {"an escape in a value", request("/", {{"X-A", "%20"}}), "/ field:x-a=%2520"},
      {"bytes that are no ASCII", request("/", {{"X-A", "\xc3\xa4"}}), "/ field:x-a=%C3%A4"},
      {"a cookie", request("/", {{"Cookie", "a=1; lang=de ; langs=x"}}), "/ cookie:lang=de"},
      {"a cookie without value", request("/", {{"Cookie", "lang"}}), "/ cookie:lang="},
      {"a cookie twice", request("/", {{"Cookie", "lang=a;lang=b"}}),
       "/ cookie:lang=a cookie:lang=b"},
      {"no such cookie", request("/", {{"Cookie", "glang=1"}}), "/"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    CHECK(key(judge({r}, row.request), row.request) == row.key);
  }
}

TEST_CASE("what a rule with conditions on fields changes is not shared with others") {
  const http::Request r = request("/a", {{"X-Beta", "1"}});
  Rule beta = rule("beta");
  beta.fields = {{"X-Beta", false, {}}};
  beta.response.set = {{"X-Is", "beta"}};
  CHECK(key(judge({beta}, r), r) == "/a");  // made for each client anew
  for (const auto& change : std::vector<std::function<void(Rule&)>>{
           [](Rule& x) { x.ttl = Seconds{1}; }, [](Rule& x) { x.set_cookie = SetCookie::kStrip; },
           [](Rule& x) {
             x.request.set = {{"X-C", "1"}};
           },
           [](Rule& x) { x.origin.remove = {Glob("x-d")}; },
           [](Rule& x) { x.strip_cookies = {Glob("*")}; }}) {
    Rule changed = beta;
    change(changed);
    CHECK(key(judge({changed}, r), r) == "/a rule:beta");
    changed.fields.clear();
    CHECK(key(judge({changed}, r), r) == "/a");
  }
}

TEST_CASE("the request is changed before anything looks at it") {
  Rule r = rule("r");
  r.query_strip = {Glob("fbclid")};
  r.strip_cookies = {Glob("_ga*")};
  r.ranges = Ranges::kIgnore;
  r.request.remove = {Glob("x-debug-*"), Glob("authorization")};
  r.request.set = {{"X-Edge", "weir"}, {"Accept", "*/*"}};
  const http::Request asked = request("/a?b=1&fbclid=2", {{"Cookie", "_ga=1; b=2; _gat=3;c=4"},
                                                          {"Range", "bytes=0-1"},
                                                          {"X-Debug-1", "a"},
                                                          {"X-DEBUG-2", "b"},
                                                          {"Authorization", "Basic x"},
                                                          {"accept", "text/html"},
                                                          {"X-Debug", "stays"}});
  const Ruling ruling = judge({r}, asked);
  CHECK(ruling.edits_request);
  http::Request edited;
  edit_request(ruling, asked, edited);
  CHECK(edited.target == "/a?b=1");
  CHECK(edited.authority == asked.authority);
  CHECK(edited.fields.joined("Cookie") == "b=2; c=4");
  CHECK(edited.fields.joined("Accept") == "*/*");
  CHECK(edited.fields.get("X-Edge") == "weir");
  CHECK(edited.fields.get("X-Debug") == "stays");
  for (const char* gone : {"Range", "X-Debug-1", "X-Debug-2", "Authorization"}) {
    CAPTURE(std::string(gone));
    CHECK_FALSE(edited.fields.get(gone).has_value());
  }
  r.strip_cookies = {Glob("*")};
  edit_request(judge({r}, asked), asked, edited);
  CHECK_FALSE(edited.fields.has(http::FieldId::kCookie));
}

TEST_CASE("the origin's response is changed without a trace of what went") {
  Rule r = rule("r");
  r.set_cookie = SetCookie::kStrip;
  r.origin.remove = {Glob("server")};
  r.origin.set = {{"Cache-Control", "max-age=60"}};
  const Ruling ruling = judge({r}, request("/"));
  CHECK(ruling.edits_origin);
  http::Fields fields;
  fields.add("Server", std::string(1000, 'x'));
  fields.add("Set-Cookie", std::string(1000, 'y'));
  fields.add("cache-control", "no-store");
  fields.add("ETag", "\"a\"");
  edit_origin_response(ruling, fields);
  REQUIRE(fields.size() == 2);
  CHECK(fields.get("ETag") == "\"a\"");
  CHECK(fields.joined("Cache-Control") == "max-age=60");
  CHECK(fields.bytes() < 100);
}

TEST_CASE("what Set-Cookie and Range mean is the last rule's to say") {
  Rule strip = rule("strip"), refuse = rule("refuse"), store = rule("store");
  strip.set_cookie = SetCookie::kStrip;
  refuse.set_cookie = SetCookie::kUncacheable;
  store.set_cookie = SetCookie::kStore;
  const Ruling refused = judge({strip, refuse}, request("/"));
  CHECK_FALSE(refused.strips_set_cookie);
  REQUIRE(refused.refuses_cookies != nullptr);
  CHECK(refused.refuses_cookies->reason == "rule:refuse");
  const Ruling stored = judge({refuse, store}, request("/"));
  CHECK(stored.refuses_cookies == nullptr);
  CHECK(stored.policy.store_set_cookie);
  Rule pass = rule("pass"), whole = rule("whole");
  pass.ranges = Ranges::kPass;
  whole.ranges = Ranges::kWhole;
  CHECK(judge({whole, pass}, request("/")).passes_ranges->reason == "rule:pass");
  const Ruling last = judge({pass, whole}, request("/"));
  CHECK(last.passes_ranges == nullptr);
  CHECK(last.ranges == Ranges::kWhole);
}

TEST_CASE("a location is filled in from the request") {
  const http::Request r = request("/a/b?c=d");
  struct Row {
    const char* text;
    const char* filled;
  };
  for (const Row& row : {Row{"https://{host}{target}", "https://example.org:8080/a/b?c=d"},
                         Row{"{scheme}://new{path}", "http://new/a/b"}, Row{"/x", "/x"},
                         Row{"{", ""}, Row{"{unknown}x", "x"}}) {
    CAPTURE(std::string(row.text));
    CHECK(filled_in(row.text, "http", r) == row.filled);
  }
}

TEST_CASE("rules cost no allocation once the memory is warm") {
  Rule a = rule("a"), b = rule("b");
  a.paths = {Glob("/static/*"), Glob("*.jpg")};
  a.fields = {{"User-Agent", false, Glob("*curl*")}};
  a.request.set = {{"X-Edge", "weir"}};
  a.request.remove = {Glob("x-debug-*")};
  a.strip_cookies = {Glob("_ga*")};
  a.response.set = {{"X-Frame-Options", "DENY"}};
  b.query_ignore = {Glob("utm_*")};
  b.query_sort = true;
  b.key_fields = {"x-country"};
  b.key_cookies = {"lang"};
  const RuleSet rules({a, b});
  const http::Request asked =
      request("/x/../static/%61.jpg?b=1&a=2&utm_x=3", {{"User-Agent", "curl/7"},
                                                       {"X-Country", "de"},
                                                       {"Cookie", "_ga=1; lang=de"},
                                                       {"X-Debug-1", "x"}});
  Ruling ruling;
  http::Request edited;
  http::Fields reply;
  cache::Key key;
  const auto once = [&] {
    ruling.begin({});
    rules.judge(asked, ruling);
    edit_request(ruling, asked, edited);
    make_key(ruling, "http", asked, edited, key);
    reply = asked.fields;
    for (const Rule* r : ruling.acting) edit(reply, r->response);
  };
  for (int i = 0; i < 3; ++i) once();
  const std::size_t before = test::allocations();
  once();
  CHECK(test::allocations() == before);
  CHECK(before > 0);
  CHECK(key.text ==
        "http://example.org:8080/x/../static/%61.jpg?a=2&b=1 rule:a field:x-country=de "
        "cookie:lang=de");
}

}  // namespace
}  // namespace weir::proxy
