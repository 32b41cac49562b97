#include "app/admin_orders.h"

#include <doctest/doctest.h>

#include "base/log_level.h"

namespace weir::app {
namespace {

proxy::SiteTable sites(std::string host = "*") {
  proxy::Site site;
  site.hosts = {std::move(host)};
  proxy::Rule rule;
  rule.query_strip = {proxy::Glob("utm_*")};
  site.exceptions = proxy::RuleSet({rule});
  std::vector<proxy::Site> all;
  all.push_back(std::move(site));
  return proxy::SiteTable(std::move(all));
}

TEST_CASE("an order to purge is one of URLs, tags, a prefix or a ban") {
  using Texts = std::vector<std::string>;
  struct Row {
    const char* json;
    proxy::PurgeKind kind;
    Texts urls, tags;
    bool soft;
  };
  const proxy::SiteTable table = sites();
  for (const Row& row : {
           Row{R"({"url": "http://Example.org:80/a?utm_x=1&b=2"})",
               proxy::PurgeKind::kUrl,
               {"http://example.org/a?b=2"},
               {},
               false},
           Row{R"({"url": ["http://a", "https://a:443/?x", "http://[::1]:81/b"], "soft": true})",
               proxy::PurgeKind::kUrl,
               {"http://a/", "https://a/?x", "http://[::1]:81/b"},
               {},
               true},
           Row{R"({"tag": "news"})", proxy::PurgeKind::kTag, {}, {"news"}, false},
           Row{R"({"tag": ["a", "b,c"], "soft": false})",
               proxy::PurgeKind::kTag,
               {},
               {"a", "b,c"},
               false},
       }) {
    CAPTURE(std::string(row.json));
    const auto order = parse_purge(row.json, table);
    REQUIRE_MESSAGE(order.has_value(), (order ? std::string() : order.error()));
    CHECK(order->kind == row.kind);
    CHECK(order->order.urls == row.urls);
    CHECK(order->order.tags == row.tags);
    CHECK((order->order.mode == cache::PurgeMode::kSoft) == row.soft);
  }
}

TEST_CASE("a prefix ends where it was meant to, and a ban is what it says") {
  const proxy::SiteTable table = sites();
  const http::Response head;
  const auto host = parse_purge(R"({"prefix": "http://A.example:80"})", table);
  REQUIRE(host.has_value());
  CHECK(host->kind == proxy::PurgeKind::kPrefix);
  CHECK(host->order.ban->matches("http://a.example/x", head));
  CHECK_FALSE(host->order.ban->matches("http://a.example.evil/x", head));
  CHECK_FALSE(host->order.ban->matches("http://a.example:8080/x", head));
  const auto ban = parse_purge(R"({"ban": ["path ~ ^/b", "host = a"], "soft": true})", table);
  REQUIRE(ban.has_value());
  CHECK(ban->kind == proxy::PurgeKind::kBan);
  CHECK(ban->order.ban->matches("http://a/bc", head));
  CHECK_FALSE(ban->order.ban->matches("http://b/bc", head));
}

TEST_CASE("a bad order is refused with the reason") {
  struct Row {
    std::string json;
    std::string_view error;
  };
  const proxy::SiteTable table = sites("example.org");
  for (const Row& row : {
           Row{"", "must be a JSON object"},
           Row{"[]", "must be a JSON object"},
           Row{"{\"url\": ", "must be a JSON object"},
           Row{"{}", "what to purge: \"url\", \"tag\", \"prefix\" or \"ban\"?"},
           Row{R"({"urll": "x"})", "unknown key \"urll\": did you mean \"url\"?"},
           Row{R"({"url": "http://example.org/", "tag": "a"})", "\"url\" or \"tag\", not both"},
           Row{R"({"tag": "a", "soft": 1})", "\"soft\" must be true or false"},
           Row{R"({"tag": []})", "\"tag\" must be a text or a list of texts"},
           Row{R"({"tag": ["a", 1]})", "\"tag\" must be a text or a list of texts"},
           Row{R"({"tag": ""})", "\"tag\" must be a text or a list of texts"},
           Row{R"({"tag": "a b"})", "the tag \"a b\" has blanks"},
           Row{R"({"url": "/a"})", "the URL \"/a\" must begin with http:// or https://"},
           Row{R"({"url": "ftp://a/"})", "must begin with http:// or https://"},
           Row{R"({"url": "http:///a"})", "has no valid host"},
           Row{R"({"url": "http://a b/"})", "has no valid host"},
           Row{R"({"url": "http://example.org/a b"})", "has characters that no request can have"},
           Row{R"({"url": "http://example.org/a#b"})", "has characters that no request can have"},
           Row{R"({"url": "http://other.example/"})", "no site serves the host of"},
           Row{R"({"prefix": ["http://a/", "http://b/"]})", "one \"prefix\" at a time"},
           Row{R"({"prefix": "a/"})", "must begin with http:// or https://"},
           Row{R"({"ban": "hots = a"})", "unknown subject \"hots\""},
           Row{R"({"ban": ["path ~ ("]})", "bad expression \"(\""},
       }) {
    CAPTURE(row.json);
    const auto order = parse_purge(row.json, table);
    REQUIRE_FALSE(order.has_value());
    CAPTURE(order.error());
    CHECK(order.error().find(row.error) != std::string::npos);
  }
}

TEST_CASE("a question is a request as a client would have sent it") {
  const auto q = parse_question(
      R"({"url": "http://Example.org/a?b", "method": "HEAD", "fields": ["Cookie: a=b", "X:"]})");
  REQUIRE_MESSAGE(q.has_value(), (q ? std::string() : q.error()));
  CHECK(q->scheme == "http");
  CHECK(q->request.method == http::Method::kHead);
  CHECK(q->request.authority == "example.org");
  CHECK(q->request.target == "/a?b");
  CHECK(q->request.fields.get("Cookie") == "a=b");
  CHECK(q->request.fields.get("X") == "");
  CHECK(q->request.fields.get("Host") == "example.org");
  CHECK(parse_question(R"({"url": "http://a", "fields": []})")->request.method_text == "GET");
  for (const char* bad :
       {R"({})", R"({"url": 1})", R"({"url": "http://a", "fields": ["x"]})",
        R"({"url": "http://a", "fields": [" x: y"]})", R"({"url": "http://a", "method": "G T"})",
        R"({"url": "http://a", "field": []})", R"({"url": "http://a", "fields": ["X: a\nb"]})"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(parse_question(bad).has_value());
  }
}

TEST_CASE("only names that nobody else can own are the admin address's") {
  struct Row {
    const char* authority;
    bool own;
  };
  for (const Row& row :
       {Row{"127.0.0.1:6180", true}, Row{"localhost:6180", true}, Row{"localhost", true},
        Row{"[::1]:6180", true}, Row{"[::1]", true}, Row{"10.0.0.1", true}, Row{"", true},
        Row{"evil.example", false}, Row{"localhost.evil.example:6180", false},
        Row{"127.0.0.1.nip.io", false}, Row{"0x7f.1", false}, Row{"2130706433", false}}) {
    CAPTURE(std::string(row.authority));
    CHECK(is_own_host(row.authority) == row.own);
  }
}

TEST_CASE("a level is one of four names") {
  CHECK(parse_reload("{}") == "");
  CHECK(parse_reload(R"({"conf": "/a"})") == "/a");
  CHECK(parse_reload(R"({"conf": 1})").error() == "\"conf\" must be a text");
  CHECK(parse_reload(R"({"file": "/a"})").error() == "unknown key \"file\"");
  CHECK(parse_reload("[]").error() == "the body must be a JSON object");
  CHECK(parse_level(R"({"level": "warn"})") == LogLevel::kWarn);
  CHECK(name(LogLevel::kError) == "error");
  struct Row {
    const char* json;
    const char* error;
  };
  for (const Row& row :
       {Row{"{}", "\"level\" must be a text"}, Row{R"({"level": 1})", "must be a text"},
        Row{R"({"level": "inof"})", "did you mean \"info\"?"},
        Row{R"({"levle": "info"})", "did you mean \"level\"?"}, Row{"info", "a JSON object"}}) {
    CAPTURE(std::string(row.json));
    const auto level = parse_level(row.json);
    REQUIRE_FALSE(level.has_value());
    CHECK(level.error().find(row.error) != std::string::npos);
  }
}

}  // namespace
}  // namespace weir::app
