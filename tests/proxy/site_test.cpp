#include "proxy/site.h"

#include <doctest/doctest.h>

using weir::proxy::Site;
using weir::proxy::SiteTable;

namespace {

Site site(std::vector<std::string> hosts, std::size_t origin) {
  Site s;
  s.hosts = std::move(hosts);
  s.origin = origin;
  return s;
}

}  // namespace

TEST_CASE(
    "the exact name wins over wildcards, the longest wildcard over shorter ones, * comes last") {
  std::vector<Site> sites;
  sites.push_back(site({"*"}, 0));
  sites.push_back(site({"*.example.org"}, 1));
  sites.push_back(site({"*.img.example.org"}, 2));
  sites.push_back(site({"www.example.org"}, 3));
  sites.push_back(site({"[2001:db8::1]"}, 4));
  const SiteTable table(std::move(sites));
  struct Row {
    std::string_view authority;
    std::size_t origin;
  };
  for (const Row& row :
       {Row{"www.example.org", 3}, Row{"www.example.org:8080", 3}, Row{"a.example.org", 1},
        Row{"a.b.example.org", 1}, Row{"x.img.example.org:80", 2}, Row{"example.org", 0},
        Row{"", 0}, Row{"[2001:db8::1]:443", 4}, Row{".example.org", 1}}) {
    CAPTURE(row.authority);
    const Site* found = table.find(row.authority);
    REQUIRE(found != nullptr);
    CHECK(found->origin == row.origin);
  }
}

TEST_CASE("without * an unknown host has no site") {
  std::vector<Site> sites;
  sites.push_back(site({"example.org"}, 0));
  const SiteTable table(std::move(sites));
  CHECK(table.find("example.com") == nullptr);
  CHECK(table.find("example.org") != nullptr);
}

TEST_CASE("a purge finds a URL where a GET of it without fields would be stored") {
  using namespace weir::proxy;
  Rule strip, other, beta;
  strip.paths = {Glob("/s*")};
  strip.query_strip = {Glob("utm_*")};
  strip.query_ignore = {Glob("x")};
  strip.query_sort = true;
  strip.key_cookies = {"lang"};
  other.methods = {"GET"};
  other.paths = {Glob("/g*")};
  other.query_strip = {Glob("*")};
  beta.fields = {{"X-Beta", false, {}}};
  beta.query_strip = {Glob("*")};
  Site s = site({"*"}, 0);
  CHECK(url_in_cache(s, "http://a:81/s?b=1&a=2") == "http://a:81/s?b=1&a=2");
  s.exceptions = RuleSet({strip, other, beta});
  CHECK(url_in_cache(s, "http://a:81/s?b=1&utm_z=3&x=4&a=2") == "http://a:81/s?a=2&b=1");
  CHECK(url_in_cache(s, "http://a/g?b=1") == "http://a/g");
  CHECK(url_in_cache(s, "http://a/?b=1&a=2") == "http://a/?b=1&a=2");
}
