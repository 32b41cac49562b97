#include "app/conf_rule.h"

#include <doctest/doctest.h>

#include "app/settings.h"

namespace weir::app {
namespace {

constexpr std::string_view kSite =
    "listen = \"127.0.0.1:80\"\norigin = \"app:90\"\n[[site]]\nhosts = \"*\"\norigin = \"main\"\n";

LoadedConfig good(std::string_view rows) {
  auto loaded = parse_config(std::string(kSite) + std::string(rows), "t.conf");
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string() : loaded.error()));
  return *loaded;
}

std::string bad(std::string_view rows) {
  const auto loaded = parse_config(std::string(kSite) + std::string(rows), "t.conf");
  return loaded ? "no error" : loaded.error();
}

TEST_CASE("a rule with everything becomes what it says") {
  const LoadedConfig loaded = good(R"(
[[site.rule]]
ttl = "1 s"
query_ignore = "utm_*"
query_strip = ["a", "b"]
query_sort = false
[[site.rule]]
name = "all"
hosts = ["A.example.org", "*.b.org"]
paths = ["/x/*"]
methods = ["GET", "FROB"]
fields = ["X-A", "!X-B", "X-C:  v*w "]
pass = true
negative_ttl = "90 s"
grace = "2 min"
keep = "1500 ms"
key_fields = "X-Country"
key_cookies = "Lang"
strip_cookies = "*"
set_cookie = "uncacheable"
ranges = "ignore"
request_remove = "X-Debug-*"
request_set = "X-Empty:"
origin_set = ["A: 1", "B: x: y"]
response_remove = ["X-Powered-By"]
location = "/new{path}"
text = "gone"
last = true
)");
  CHECK(loaded.places.contains("site[0].rule[1].fields[2]"));
  const std::vector<proxy::Site> all = sites(loaded.config);
  const SiteRule& conf = loaded.config.sites[0].rules[1];
  const proxy::Rule r = compiled(conf, 2);
  CHECK(compiled(loaded.config.sites[0].rules[0], 1).reason == "rule:1");
  CHECK(r.reason == "rule:all");
  CHECK(r.hosts == std::vector<std::string>{"a.example.org", "*.b.org"});
  CHECK(r.paths.at(0).pattern() == "/x/*");
  REQUIRE(r.fields.size() == 3);
  CHECK(r.fields[0].name == "X-A");
  CHECK_FALSE(r.fields[0].value.has_value());
  CHECK(r.fields[1].absent);
  CHECK(r.fields[2].value->pattern() == "v*w");
  CHECK(r.pass == true);
  CHECK_FALSE(r.ttl.has_value());
  CHECK(r.negative_ttl == Seconds{90});
  CHECK(r.keep == Seconds{1});
  CHECK(compiled(loaded.config.sites[0].rules[0], 1).query_sort == false);
  CHECK(r.key_fields == std::vector<std::string>{"x-country"});
  CHECK(r.key_cookies == std::vector<std::string>{"Lang"});
  CHECK(r.set_cookie == proxy::SetCookie::kUncacheable);
  CHECK(r.ranges == proxy::Ranges::kIgnore);
  CHECK(r.request.remove.at(0).pattern() == "x-debug-*");
  CHECK(r.request.set.at(0).value.empty());
  CHECK(r.origin.set.at(1).value == "x: y");
  CHECK(r.respond == 302);
  CHECK(r.text == "gone");
  CHECK(r.last);
  CHECK_FALSE(all.at(0).exceptions.empty());
}

TEST_CASE("who may purge is written in one spelling") {
  const LoadedConfig loaded = good("purge_from = [\"10.0.0.0/8\", \"::1\"]\nforward_tags = true\n");
  CHECK(loaded.config.sites[0].purge_from == std::vector<std::string>{"10.0.0.0/8", "::1/128"});
  const auto all = sites(loaded.config);
  CHECK(all[0].purge_from.at(0).bits == 8);
  CHECK(all[0].forward_tags);
}

TEST_CASE("a wrong rule is shown at its place, with what was probably meant") {
  struct Row {
    std::string_view rows;
    std::string_view error;
  };
  const Row rows[] = {
      {"[[site.rule]]\nttll = \"1 s\"\npass = true",
       "t.conf:7:1: error: unknown key \"site.rule.ttll\"\n    ttll = \"1 s\"\n    ^~~~\n"
       "did you mean \"ttl\"?\n"},
      {"ttl = \"1 s\"",
       "unknown key \"site.ttl\"\n    ttl = \"1 s\"\n    ^~~\nit belongs to [site.rule]\n"},
      {"rule = 3",
       "t.conf:6:8: error: \"site.rule\" must be a table\n    rule = 3\n           ^\n"
       "write [[site.rule]] and its parameters below\n"},
      {"[[site.rule]]\npaths = \"/a\"",
       "t.conf:6:1: error: this rule does nothing\n    [[site.rule]]\n    ^~~~~~~~~~~~~\n"},
      {"[[site.rule]]\npass = \"true\"",
       "site[0].rule[0].pass must be true or false, without quotes\n"},
      {"[[site.rule]]\nttl = 5", "site[0].rule[0].ttl: needs a unit"},
      {"[[site.rule]]\nrespond = 100", "site[0].rule[0].respond: 100 is below the least, 200"},
      {"[[site.rule]]\nset_cookie = \"drop\"",
       "site[0].rule[0].set_cookie must be one of \"store\", \"strip\", \"uncacheable\""},
      {"[[site.rule]]\nranges = \"servve\"", "did you mean \"serve\"?"},
      {"[[site.rule]]\npass = true\npaths = [\"a/*\"]",
       "must be a path that begins with \"/\" or \"*\""},
      {"[[site.rule]]\npass = true\npaths = [\"/a?b\"]",
       "t.conf:8:10: error: site[0].rule[0].paths[0]: \"/a?b\" is compared with the path alone"},
      {"[[site.rule]]\npass = true\nmethods = [\"post\"]", "did you mean \"POST\"?"},
      {"[[site.rule]]\npass = true\nmethods = [\"GE T\"]", "must be a method"},
      {"[[site.rule]]\npass = true\nfields = [\"A B: c\"]", "must be \"Name\", \"!Name\" or"},
      {"[[site.rule]]\npass = true\nfields = [\"A:\"]", "must be \"Name\", \"!Name\" or"},
      {"[[site.rule]]\npass = true\nfields = [\"!A: b\"]", "it can have no value"},
      {"[[site.rule]]\nfields = \"X\"\nquery_sort = true", "cannot depend on fields"},
      {"[[site.rule]]\nquery_strip = \"a=1\"", "must be a name, or the begin of one"},
      {"[[site.rule]]\nkey_cookies = \"a*\"", "key_cookies takes whole names, without \"*\"\n"},
      {"[[site.rule]]\nrequest_set = \"Host: a\"",
       "names Host, which Weir makes itself (see host of [[origin]])"},
      {"[[site.rule]]\norigin_set = \"Transfer-Encoding: chunked\"", "which Weir makes itself"},
      {"[[site.rule]]\nresponse_set = \"X-A\"", "must be \"Name: value\""},
      {"[[site.rule]]\nresponse_remove = \"*\"", "must be the name of a field"},
      {"[[site.rule]]\nrespond = 301", "301 needs a location\n"},
      {"[[site.rule]]\nrespond = 200\nlocation = \"/a\"", "a location needs a redirect, not 200\n"},
      {"[[site.rule]]\nlocation = \"/{hots}\"", "did you mean \"host\"?"},
      {"[[site.rule]]\nlocation = \"/{host\"", "has \"{\" without \"}\""},
      {"[[site.rule]]\nlocation = \"/a b\"", "must be a URI"},
      {"[[site.rule]]\npass = true\ntext = \"x\"", "text needs respond\n"},
      {"[[site.rule]]\nname = \"a b\"\npass = true", "must be a name of letters"},
      {"[[site.rule]]\nname = \"a\"\npass = true\n[[site.rule]]\nname = \"a\"\npass = true",
       "a rule named \"a\" is there already, in line 7\n"},
      {"purge_from = \"10.0.0.1/8\"", "has bits behind its prefix: write \"10.0.0.0/8\""},
      {"purge_from = \"localhost\"", "must be an IP address or a network"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.rows));
    const std::string message = bad(row.rows);
    CAPTURE(message);
    CHECK(message.find(row.error) != message.npos);
  }
}

}  // namespace
}  // namespace weir::app
