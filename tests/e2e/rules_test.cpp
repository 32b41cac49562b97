// What [[site.rule]] makes of requests and responses.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {
namespace {

std::string with_rules(const std::string& rules) {
  return "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n" + rules;
}

std::string status_of(const Response& r) { return r.field("Cache-Status"); }

bool hit(const Response& r) { return status_of(r).starts_with("weir; hit"); }

}  // namespace

TEST_CASE("A rule passes requests, and says so in Cache-Status and in the log") {
  const Origin origin;
  Weir weir(origin,
            with_rules("[[site.rule]]\nname = \"no-admin\"\npaths = \"/admin/*\"\npass = true\n"));
  const std::string target = "/admin/a?size=9&n=1&cc=max-age=60";
  for (int i = 0; i < 2; ++i) {
    const Response response = get(weir.port(), target, {.content = 1});
    CHECK(response.right());
    CHECK(status_of(response) == "weir; fwd=bypass; fwd-status=200; detail=rule:no-admin");
  }
  CHECK(origin.requests(target) == 2);
  CHECK(get(weir.port(), "/%61dmin/a?size=9&n=1&cc=max-age=60").complete());  // no way around
  CHECK(origin.count("total") == 3);
  const auto line = weir.process().wait_for_line("\"reason\":\"rule:no-admin\"");
  CHECK(line.has_value());
  CHECK(get(weir.port(), "/a?size=9&n=1&cc=max-age=60").complete());
  CHECK(hit(get(weir.port(), "/a?size=9&n=1&cc=max-age=60")));
}

TEST_CASE("A rule sets lifetimes, of errors others") {
  const Origin origin;
  Weir weir(origin, with_rules("[[site.rule]]\nttl = \"1 h\"\nnegative_ttl = \"2 s\"\n"));
  const std::string page = "/page?size=9&n=1&cc=max-age=0",
                    error = "/error?size=9&status=404&lm=none";
  CHECK(get(weir.port(), page).complete());
  const Response again = get(weir.port(), page);
  CHECK(hit(again));
  CHECK(status_of(again).find("ttl=3600") != std::string::npos);
  CHECK(get(weir.port(), error).status == 404);
  const Response second = get(weir.port(), error);
  CHECK(second.status == 404);
  CHECK(hit(second));
  CHECK(eventually([&] { return !hit(get(weir.port(), error)); }));
}

TEST_CASE("Query parameters that make no difference are one object") {
  const Origin origin;
  Weir weir(origin,
            with_rules("[[site.rule]]\nquery_strip = [\"utm_*\"]\nquery_ignore = [\"reason\"]\n"
                       "query_sort = true\n"));
  CHECK(get(weir.port(), "/q?size=9&n=1&cc=max-age=60&utm_source=a").complete());
  CHECK(origin.requests("/q?cc=max-age=60&n=1&size=9") == 1);  // as it was asked
  CHECK(hit(get(weir.port(), "/q?cc=max-age=60&utm_medium=b&reason=c&n=1&size=9", {.content = 1})));
  CHECK_FALSE(hit(get(weir.port(), "/q?cc=max-age=60&n=2&size=9", {.content = 2})));
  CHECK(origin.count("total") == 2);
}

TEST_CASE("Cookies and fields in the key tell objects apart") {
  const Origin origin;
  Weir weir(origin,
            with_rules("[[site.rule]]\nkey_cookies = [\"lang\"]\nkey_fields = [\"X-Country\"]\n"));
  const std::string target = "/k?size=9&n=1&cc=max-age=60";
  const auto ask = [&](std::string cookie, std::string country) {
    return get(weir.port(), target, {.content = 1}, {{"Cookie", cookie}, {"X-Country", country}});
  };
  CHECK(ask("lang=de; id=1", "a").right());
  CHECK(hit(ask("id=2; lang=de", "a")));
  CHECK_FALSE(hit(ask("lang=fr", "a")));
  CHECK_FALSE(hit(ask("lang=de", "b")));
  CHECK(origin.requests(target) == 3);
}

TEST_CASE("Cookies are stripped before the request goes on, Set-Cookie before it is kept") {
  const Origin origin;
  Weir weir(
      origin,
      with_rules(
          "[[site.rule]]\nstrip_cookies = [\"_ga*\"]\nset_cookie = \"strip\"\n"
          "[[site.rule]]\nname = \"mine\"\npaths = \"/mine\"\nset_cookie = \"uncacheable\"\n"));
  const std::string target = "/s?size=9&n=1&cc=max-age=60&field=Set-Cookie:a%3Db";
  const Response first = get(weir.port(), target, {.content = 1}, {{"Cookie", "_ga=1; b=2"}});
  CHECK(first.right());
  CHECK_FALSE(first.has("Set-Cookie"));
  CHECK(origin.last_field("Cookie") == "b=2");
  CHECK(hit(get(weir.port(), target)));
  const std::string mine = "/mine?size=9&n=1&cc=s-maxage=60&field=Set-Cookie:a%3Db";
  for (int i = 0; i < 2; ++i) {
    const Response response = get(weir.port(), mine);
    CHECK(response.field("Set-Cookie") == "a=b");
    CHECK_FALSE(hit(response));
  }
  CHECK(status_of(get(weir.port(), mine)).find("detail=") != std::string::npos);
  CHECK(origin.requests(mine) == 3);
}

TEST_CASE("Fields are set and removed on the way to the origin, from it, and to the client") {
  const Origin origin;
  Weir weir(
      origin,
      with_rules("[[site.rule]]\nrequest_remove = [\"Authorization\", \"X-Debug-*\"]\n"
                 "request_set = [\"X-Edge: weir\"]\norigin_set = [\"Cache-Control: max-age=60\"]\n"
                 "origin_remove = [\"X-Internal\"]\nresponse_set = [\"X-Frame-Options: DENY\"]\n"
                 "response_remove = [\"X-Powered-By\", \"Cache-Control\"]\n"));
  const std::string target =
      "/f?size=9&n=1&cc=no-store&field=X-Internal:1&field=X-Powered-By:2&field=X-Other:3";
  for (int i = 0; i < 2; ++i) {
    const Response response = get(weir.port(), target, {.content = 1},
                                  {{"Authorization", "Basic x"}, {"X-Debug-A", "1"}});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(hit(response) == (i == 1));
    CHECK(response.field("X-Frame-Options") == "DENY");
    CHECK(response.field("X-Other") == "3");
    for (const char* gone : {"X-Internal", "X-Powered-By", "Cache-Control"})
      CHECK(!response.has(gone));
  }
  CHECK(origin.last_field("X-Edge") == "weir");
  CHECK_FALSE(origin.last_field("Authorization").has_value());
  CHECK_FALSE(origin.last_field("X-Debug-A").has_value());
  const Response error = fetch(weir.port(), {.method = "TRACE", .target = "/"});
  CHECK(error.status == 501);
}

TEST_CASE("What a rule with conditions on fields keeps is not given to others") {
  const Origin origin;
  Weir weir(origin, with_rules("[[site.rule]]\nname = \"beta\"\nfields = [\"X-Beta: 1\"]\n"
                               "request_set = [\"X-Edge: beta\"]\n"));
  const std::string target = "/b?size=9&n=1&cc=max-age=60";
  CHECK(get(weir.port(), target, {}, {{"X-Beta", "1"}}).complete());
  CHECK(origin.last_field("X-Edge") == "beta");
  CHECK_FALSE(hit(get(weir.port(), target)));
  CHECK_FALSE(origin.last_field("X-Edge").has_value());
  CHECK(hit(get(weir.port(), target)));
  CHECK(hit(get(weir.port(), target, {}, {{"X-Beta", "1"}})));
}

TEST_CASE("What Range means is a rule's to say") {
  const Origin origin;
  Weir weir(origin,
            with_rules("[[site.rule]]\npaths = \"/whole\"\nranges = \"whole\"\n"
                       "[[site.rule]]\npaths = \"/ignore\"\nranges = \"ignore\"\n"
                       "[[site.rule]]\nname = \"seek\"\npaths = \"/pass\"\nranges = \"pass\"\n"));
  const auto part = [&](const std::string& path) {
    return get(weir.port(), path + "?size=8MiB&n=1&cc=max-age=60", {.content = 1},
               {{"Range", "bytes=4194304-4194399"}});
  };
  const Response whole = part("/whole");
  CHECK(whole.status == 206);
  CHECK(whole.body_bytes == 96);
  CHECK_FALSE(origin.last_field("Range").has_value());
  const Response ignored = part("/ignore");
  CHECK(ignored.status == 200);
  CHECK(ignored.body_bytes == 8 << 20);
  CHECK(ignored.right());
  for (int i = 0; i < 2; ++i) {
    const Response passed = part("/pass");
    CHECK(passed.status == 206);
    CHECK(status_of(passed).find("detail=rule:seek") != std::string::npos);
    CHECK(origin.last_field("Range") == "bytes=4194304-4194399");
  }
  CHECK(origin.requests("/pass?size=8MiB&n=1&cc=max-age=60") == 2);
}

TEST_CASE("A rule answers by itself") {
  const Origin origin;
  Weir weir(
      origin,
      with_rules("[[site.rule]]\nname = \"old\"\npaths = \"/old/*\"\nrespond = 301\n"
                 "location = \"https://{host}/new{path}?was={target}\"\n"
                 "[[site.rule]]\nname = \"closed\"\nhosts = [\"closed.example\"]\nrespond = 403\n"
                 "text = \"Not here.\"\nresponse_set = [\"X-Why: closed\"]\n"
                 "[[site.rule]]\npaths = \"/empty\"\nrespond = 204\n"));
  Client client(weir.port());
  const Response moved =
      client.exchange({.target = "/old/a?b=c", .fields = {{"Host", "Test.example:80"}}});
  CHECK(moved.status == 301);
  CHECK(moved.complete());
  CHECK(moved.field("Location") == "https://test.example:80/new/old/a?was=/old/a?b=c");
  CHECK(status_of(moved) == "weir; detail=rule:old");
  Response refused = client.exchange({.target = "/", .fields = {{"Host", "closed.example"}}});
  CHECK(refused.status == 403);
  CHECK(refused.body == "Not here.\n");
  CHECK(refused.field("X-Why") == "closed");
  refused = client.exchange(
      {.method = "HEAD", .target = "/", .fields = {{"Host", "closed.example"}}}, {.to_head = true});
  CHECK(refused.status == 403);
  CHECK(refused.field("Content-Length") == "10");
  const Response empty = client.exchange({.target = "/empty"});
  CHECK(empty.status == 204);
  CHECK(empty.complete());
  CHECK(origin.count("total") == 0);
  CHECK(weir.process().wait_for_line("\"cache\":\"own\",\"reason\":\"rule:closed\"").has_value());
}

TEST_CASE(
    "No later rule is looked at behind a last one, and who it holds for has its own objects") {
  const Origin origin;
  const Weir weir(origin,
                  with_rules("[[site.rule]]\nname = \"bots\"\nfields = [\"User-Agent: *bot*\"]\n"
                             "response_set = [\"X-Bot: 1\"]\nlast = true\n"
                             "[[site.rule]]\nstrip_cookies = [\"*\"]\n"
                             "response_set = [\"X-All: 1\"]\n"));
  const std::string target = "/last?echo=1&n=1&cc=max-age=60";
  const Response bot =
      get(weir.port(), target, {}, {{"User-Agent", "a bot"}, {"Cookie", "id=evil"}});
  CHECK(bot.field("X-Bot") == "1");
  CHECK_FALSE(bot.has("X-All"));
  CHECK(bot.body.find("evil") != std::string::npos);
  const Response other = get(weir.port(), target, {}, {{"Cookie", "id=mine"}});
  CHECK_FALSE(hit(other));
  CHECK(other.field("X-All") == "1");
  CHECK(other.body.find("id=") == std::string::npos);
}

TEST_CASE("A rule may be for some methods, and for a host however it is spelled") {
  const Origin origin;
  const Weir weir(origin, with_rules("[[site.rule]]\nmethods = [\"DELETE\"]\nrespond = 405\n"
                                     "[[site.rule]]\nhosts = [\"secret.example\"]\nrespond = 403\n"
                                     "[[site.rule]]\npaths = [\"/locked/*\"]\nrespond = 403\n"));
  CHECK(fetch(weir.port(), {.method = "DELETE", .target = "/x?size=1"}).status == 405);
  CHECK(get(weir.port(), "/x?size=1").status == 200);
  for (const char* host : {"secret.example", "SECRET.example:80", "secret.example."}) {
    CAPTURE(host);
    CHECK(get(weir.port(), "/x?size=1", {}, {{"Host", host}}).status == 403);
  }
  for (const char* path : {"/locked/a", "/locked%2fa", "/x/..%2Flocked/a", "//locked/./a"}) {
    CAPTURE(path);
    CHECK(get(weir.port(), std::string(path) + "?size=1").status == 403);
  }
}

TEST_CASE("A site gives lifetimes to what states none, a rule grace to what states none") {
  const Origin origin;
  const Weir weir(origin,
                  "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\ndefault_ttl = \"60 s\"\n"
                  "heuristic = false\n[[site]]\nhosts = [\"plain.example\"]\norigin = \"main\"\n"
                  "heuristic = false\n[[site]]\nhosts = [\"guess.example\"]\norigin = \"main\"\n"
                  "[[site]]\nhosts = [\"grace.example\"]\norigin = \"main\"\n"
                  "[[site.rule]]\ngrace = \"60 s\"\n");
  const auto twice = [&](const char* host, const std::string& target) {
    const std::vector<Field> fields{{"Host", host}};
    CHECK(get(weir.port(), target, {.content = 1}, fields).right());
    return get(weir.port(), target, {.content = 1}, fields);
  };
  CHECK(hit(twice("any.example", "/ttl?size=9&n=1&lm=none")));
  CHECK_FALSE(hit(twice("plain.example", "/none?size=9&n=1")));  // Last-Modified is years ago
  CHECK(hit(twice("guess.example", "/guess?size=9&n=1")));

  const std::string target = "/grace?size=9&n=1&cc=max-age=1";
  get(weir.port(), target, {.content = 1}, {{"Host", "grace.example"}});
  std::this_thread::sleep_for(Millis(2100));
  const Response stale = get(weir.port(), target, {.content = 1}, {{"Host", "grace.example"}});
  CHECK(hit(stale));
  CHECK(status_of(stale).find("ttl=-") != std::string::npos);
  CHECK(eventually([&] { return origin.requests(target) == 2; }));  // asked for meanwhile
}

TEST_CASE("What a later part brings is edited as the first one was") {
  const Origin origin;
  const Weir weir(
      origin, with_rules("[[site.rule]]\nset_cookie = \"strip\"\norigin_remove = [\"X-Inner\"]\n"));
  const std::string target =
      "/parts?size=3MiB&n=1&cc=public,max-age=60&field=Set-Cookie:a%3Db&field=X-Inner:1"
      "&field=Surrogate-Key:t";
  const Response part = get(weir.port(), target, {.content = 1}, {{"Range", "bytes=0-9"}});
  CHECK(part.status == 206);
  CHECK(get(weir.port(), target, {.content = 1}).right());
  const Response all = get(weir.port(), target, {.content = 1});
  CHECK(hit(all));
  for (const char* name : {"Set-Cookie", "X-Inner", "Surrogate-Key"}) {
    CAPTURE(name);
    CHECK_FALSE(part.has(name));
    CHECK_FALSE(all.has(name));
  }
}

TEST_CASE("What may not be kept does not come in by a HEAD either") {  // RFC 9111 §4.3.5
  const Origin origin;
  const Weir weir(origin, with_rules("[[site.rule]]\nmethods = [\"HEAD\"]\nset_cookie = "
                                     "\"uncacheable\"\norigin_set = [\"Set-Cookie: a=b\"]\n"));
  const std::string target = "/head?size=9&n=1&cc=max-age=1";
  CHECK(get(weir.port(), target, {.content = 1}).right());
  std::this_thread::sleep_for(Millis(2100));
  const Response head = fetch(weir.port(), {.method = "HEAD", .target = target}, {.to_head = true});
  CHECK(head.field("Set-Cookie") == "a=b");
  const Response after = get(weir.port(), target, {.content = 1});
  CHECK_FALSE(hit(after));
  CHECK_FALSE(after.has("Set-Cookie"));
}

TEST_CASE("Who waited for the fetch of another is told so") {  // RFC 9211 §2.2.6
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/both?size=9&n=1&cc=max-age=60&delay=500ms";
  Client first(weir.port()), second(weir.port());
  first.send(Request{.target = target});
  CHECK(eventually([&] { return origin.requests(target) == 1; }));
  second.send(Request{.target = target});
  CHECK(status_of(first.receive({.content = 1})).find("collapsed") == std::string::npos);
  CHECK(status_of(second.receive({.content = 1})).find("; collapsed") != std::string::npos);
  CHECK(origin.requests(target) == 1);
}

}  // namespace weir::test
