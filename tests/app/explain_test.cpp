#include "app/explain.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "app/settings.h"
#include "body/text_body.h"
#include "proxy/rules.h"
#include "store/memory_store.h"

namespace weir::app {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr WallTime kNow{784'111'777s};  // Sun, 06 Nov 1994 08:49:37 GMT

constexpr std::string_view kConf = R"(
listen = "127.0.0.1:80"
origin = "app:90"
[[site]]
hosts = ["example.org", "*.example.org"]
origin = "main"
purge_from = "127.0.0.1"
[[site.rule]]
query_strip = "utm_*"
key_cookies = "lang"
[[site.rule]]
name = "no-admin"
paths = "/admin/*"
pass = true
[[site.rule]]
name = "closed"
paths = "/closed"
respond = 403
[[site.rule]]
name = "seek"
paths = "/seek"
ranges = "pass"
)";

struct Bench {
  LoadedConfig loaded = parse_config(kConf, "t.conf").value();
  proxy::SiteTable table{sites(loaded.config)};
  store::MemoryStore store{{.limit = 16 << 20}, [](const Digest&) {}};
  cache::Index index;

  Json ask(const std::string& url, std::vector<std::string> fields = {}, std::string method = "GET",
           bool running = true) {
    const Question q = make_question(url, method, fields).value();
    const Stored stored{index, kNow};
    page = explain(q, loaded.config, table, running ? &stored : nullptr);
    return Json::parse(page);
  }
  void put(std::string_view url, std::string_view parts, Seconds lifetime) {
    cache::Key key = cache::key_of(std::string(url) + std::string(parts));
    http::Request request;
    const auto lead = index.lookup(key, request, {}, kNow);
    cache::ObjectParts made;
    made.head.status = 200;
    made.head.fields.add("ETag", "\"a\"");
    made.freshness = {.response_time = kNow - 10s,
                      .lifetime = lifetime,
                      .source = policy::LifetimeSource::kMaxAge,
                      .must_revalidate = true};
    made.body = body::text_body(store, "hello");
    made.tags = "red blue";
    made.purges = lead.busy->purges();
    index.publish(key, lead.busy, make_ref<cache::Object>(std::move(made)));
  }
  std::string screen() const { return explain_screen(page).value(); }
  std::string page;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("what the conf alone decides is told, with the reason") {
  struct Row {
    const char* url;
    std::vector<std::string> fields;
    const char* method;
    const char* what;
    const char* reason;
  };
  Bench b;
  for (const Row& row : {
           Row{"http://other.example/", {}, "GET", "error", "no_such_site"},
           Row{"http://example.org/", {}, "TRACE", "error", "unsupported_method"},
           Row{"http://example.org/", {}, "POST", "pass", "method"},
           Row{"http://example.org/", {}, "PURGE", "own", "purged"},
           Row{"http://example.org/", {"Max-Forwards: 0"}, "OPTIONS", "own", "max_forwards"},
           Row{"http://example.org/admin/x", {}, "GET", "pass", "rule:no-admin"},
           Row{"http://example.org/closed", {}, "POST", "own", "rule:closed"},
           Row{"http://example.org/seek", {"Range: bytes=0-1"}, "GET", "pass", "rule:seek"},
           Row{"http://example.org/", {"If-Match: \"a\""}, "GET", "pass", "precondition"},
           Row{"http://example.org/",
               {"Connection: upgrade", "Upgrade: websocket"},
               "GET",
               "pass",
               "upgrade"},
           Row{"http://example.org/seek", {}, "GET", "lookup", "what is stored decides"},
       }) {
    CAPTURE(std::string(row.url));
    for (const bool running : {false, true}) {
      const Json j = b.ask(row.url, row.fields, row.method, running);
      CHECK(j.at("running") == running);
      if (running && std::string_view(row.what) == "lookup") continue;
      CHECK(j.at("verdict").at("what") == row.what);
      CHECK(j.at("verdict").at("reason") == row.reason);
      CHECK(has(b.screen(), row.reason));
    }
  }
}

TEST_CASE("site, rules and key are told") {
  Bench b;
  const Json j =
      b.ask("http://www.Example.org:80/a?utm_x=1&b=2", {"Cookie: lang=de"}, "GET", false);
  CHECK(j.at("site").at("origin") == "main");
  CHECK(j.at("rules") == Json::array({"rule:1"}));
  CHECK(j.at("asked_as") == "/a?b=2");
  CHECK(j.at("key") == "http://www.example.org/a?b=2 cookie:lang=de");
  CHECK_FALSE(j.contains("stored"));
  const std::string screen = b.screen();
  for (const char* text :
       {"site       example.org, *.example.org (origin main)\n", "rules      rule:1\n",
        "asked as   /a?b=2\n", "key        http://www.example.org/a?b=2 cookie:lang=de\n",
        "verdict    lookup: what is stored decides\n"}) {
    CAPTURE(std::string(text));
    CHECK(has(screen, text));
  }
}

TEST_CASE("what is stored, until when, and what comes of it") {
  Bench b;
  CHECK(b.ask("http://example.org/a").at("verdict").at("what") == "miss");
  CHECK(has(b.screen(), "verdict    miss: nothing is stored under this key\n"));
  b.put("http://example.org/a", "", 60s);
  const Json j = b.ask("http://example.org/a");
  CHECK(j.at("verdict") == Json{{"what", "hit"}, {"reason", "fresh"}});
  const Json& object = j.at("stored").at(0);
  CHECK(object.at("ttl") == 50);
  CHECK(object.at("age") == 10);
  CHECK(object.at("fresh_until") == "Sun, 06 Nov 1994 08:50:27 GMT");
  CHECK(object.at("lifetime_from") == "max-age");
  CHECK(object.at("tags") == "red blue");
  CHECK(object.at("chosen") == true);
  CHECK(object.at("body").at("parts") == Json::array({Json::array({0, 4})}));
  const std::string screen = b.screen();
  for (const char* text :
       {"1. 200, 10 s old: the one for this request\n",
        "fresh until Sun, 06 Nov 1994 08:50:27 GMT, for 50 s (lifetime from: max-age)\n",
        "   limits  must-revalidate\n", "   ETag    \"a\"\n", "   tags    red blue\n",
        "   body    5 of 5 bytes are here\n"}) {
    CAPTURE(std::string(text));
    CHECK(has(screen, text));
  }
  CHECK(b.ask("http://example.org/a", {"Cache-Control: no-cache"}).at("verdict").at("reason") ==
        "request_no_cache");
  CHECK(b.ask("http://example.org/b", {}, "HEAD").at("verdict").at("reason") == "head");
}

TEST_CASE("stale objects, soft purges and fetches under way are told") {
  Bench b;
  b.put("http://example.org/old", "", 5s);
  CHECK(b.ask("http://example.org/old").at("verdict") ==
        Json{{"what", "miss"}, {"reason", "must_revalidate"}});
  CHECK(has(b.screen(), "stale since Sun, 06 Nov 1994 08:49:32 GMT, for 5 s"));
  b.put("http://example.org/soft", "", 60s);
  b.index.purge(cache::key_of("http://example.org/soft"), cache::PurgeMode::kSoft, kNow);
  CHECK(b.ask("http://example.org/soft").at("verdict").at("reason") == "must_revalidate");
  CHECK(has(b.screen(), "made stale by a purge"));
  const cache::Key key = cache::key_of("http://example.org/busy");
  const auto lead = b.index.lookup(key, {}, {}, kNow);
  CHECK(b.ask("http://example.org/busy").at("fetches") == 1);
  CHECK(has(b.screen(), "fetches    1 under way\n"));
  b.index.pass(key, lead.busy, nullptr, kNow + 60s);
  CHECK(b.ask("http://example.org/busy").at("verdict").at("reason") == "hit_for_miss");
}

TEST_CASE("asking changes nothing") {
  Bench b;
  b.ask("http://example.org/a");
  b.put("http://example.org/b", "", 1s);
  b.ask("http://example.org/b");
  CHECK(b.index.stats().busy == 0);
  CHECK(b.index.keys() == 1);
}

TEST_CASE("an answer that is none is told") {
  CHECK_FALSE(explain_screen("").has_value());
  CHECK_FALSE(explain_screen("{}").has_value());
}

}  // namespace weir::app
