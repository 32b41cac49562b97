#include "cache/ban.h"

#include <doctest/doctest.h>

namespace weir::cache {
namespace {

constexpr std::string_view kUrl = "http://example.org:8080/news/a.html?x=1&y=2";

http::Response head() {
  http::Response r;
  r.status = 200;
  r.fields.add("Content-Type", "text/html; charset=utf-8");
  r.fields.add("X-Tag", "red");
  r.fields.add("X-Tag", "blue");
  r.fields.add("X-Bytes", "a\xff\x80z");
  return r;
}

TEST_CASE("a ban holds for what all of its conditions hold for") {
  struct Row {
    std::vector<std::string> conditions;
    bool matches;
  };
  for (const Row& row : {
           Row{{"host = example.org:8080"}, true},
           Row{{"host = example.org"}, false},
           Row{{"host != example.org"}, true},
           Row{{"scheme = http"}, true},
           Row{{"path = /news/a.html"}, true},
           Row{{"path ^= /news/"}, true},
           Row{{"path ^= news/"}, false},
           Row{{"path ~ ^/news/.*\\.html$"}, true},
           Row{{"path ~ html?x"}, false},
           Row{{"path !~ \\.jpg$"}, true},
           Row{{"query = x=1&y=2"}, true},
           Row{{"query ~ (^|&)y="}, true},
           Row{{"url ^= http://example.org:8080/news/"}, true},
           Row{{"url = " + std::string(kUrl)}, true},
           Row{{"status = 200"}, true},
           Row{{"status ~ ^[45]"}, false},
           Row{{"status ^= 20"}, true},
           Row{{"status != 404"}, true},
           Row{{"field.Content-Type ~ ^text/"}, true},
           Row{{"field.content-type ~ ^text/"}, true},
           Row{{"field.Content-Type = text/html"}, false},
           Row{{"field.X-Tag = blue"}, true},
           Row{{"field.X-Tag = green"}, false},
           Row{{"field.X-Tag != blue"}, false},  // one of its lines is
           Row{{"field.X-Tag != green"}, true},
           Row{{"field.X-None = "}, false},
           Row{{"field.X-None != a"}, true},
           Row{{"field.X-None ~ "}, false},
           Row{{"field.X-None !~ ."}, true},
           Row{{"field.X-Bytes ~ ^a..z$"}, true},  // bytes, not UTF-8
           Row{{"path ~ (?i)NEWS"}, true},
           Row{{"  path   =   /news/a.html  "}, true},
           Row{{"path ^= /news/", "status = 200", "field.X-Tag = red"}, true},
           Row{{"path ^= /news/", "status = 404"}, false},
       }) {
    CAPTURE(row.conditions.front());
    const auto ban = Ban::parse(row.conditions);
    REQUIRE_MESSAGE(ban.has_value(), (ban ? std::string() : ban.error()));
    CHECK((*ban)->matches(kUrl, head()) == row.matches);
  }
}

TEST_CASE("a URL without a query or path has empty ones") {
  const auto query = Ban::parse({"query = "}), path = Ban::parse({"path = /"});
  REQUIRE(query.has_value());
  CHECK((*query)->matches("http://a/b", head()));
  CHECK((*query)->matches("http://a/b?", head()));
  CHECK((*path)->matches("http://a/", head()));
}

TEST_CASE("a bad ban is refused with the reason") {
  struct Row {
    std::vector<std::string> conditions;
    std::string_view error;
  };
  for (const Row& row : {
           Row{{}, "without conditions would be of everything"},
           Row{std::vector<std::string>(9, "host = a"), "more than 8 conditions"},
           Row{{"hots = a"}, "condition \"hots = a\": unknown subject \"hots\": known are url"},
           Row{{"field. = a"}, "unknown subject \"field.\""},
           Row{{"field.A:b = a"}, "unknown subject"},
           Row{{"host == a"}, "unknown operator \"==\": known are ="},
           Row{{"status = abc"}, "a status is a number of three digits, not \"abc\""},
           Row{{"status != 4040"}, "a status is a number of three digits"},
           Row{{"status = "}, "a status is a number of three digits"},
           Row{{"status ^= 4xx"}, "a status begins with one to three digits, not \"4xx\""},
           Row{{"status ^= "}, "a status begins with one to three digits"},
           Row{{"host"}, "must be \"SUBJECT OPERATOR VALUE\""},
           Row{{""}, "must be \"SUBJECT OPERATOR VALUE\""},
           Row{{"path ~ a("}, "bad expression \"a(\": missing )"},
           Row{{"path ~ (a{1000}){1000}"}, "bad expression"},
           Row{{"path ~ (?=a)"}, "bad expression"},
           Row{{"host = a", "path ~ " + std::string(3000, 'x')}, "longer than 2048 bytes"},
       }) {
    const auto ban = Ban::parse(row.conditions);
    REQUIRE_FALSE(ban.has_value());
    CAPTURE(ban.error());
    CHECK(ban.error().find(row.error) != std::string::npos);
  }
}

TEST_CASE("an expression that takes others ages takes no longer than the text is") {
  const auto ban = Ban::parse({"path ~ (a*)*b"});
  REQUIRE(ban.has_value());
  const std::string url = "http://a/" + std::string(100'000, 'a');
  CHECK_FALSE((*ban)->matches(url, head()));
}

}  // namespace
}  // namespace weir::cache
