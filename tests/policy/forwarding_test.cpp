#include "policy/forwarding.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

constexpr ClientFacts kClient{"192.0.2.7", "http"};
constexpr ForwardRules kBare{.forwarded = Forwarded::kOff, .via = false};

// All fields as "name: value|name: value".
std::string listed(const http::Fields& fields) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += '|';
    out.append(fields[i].name).append(": ").append(fields[i].value);
  }
  return out;
}

http::Request forwarded(const http::Request& from, const ForwardRules& rules = kBare,
                        bool for_storing = false, const ClientFacts& client = kClient) {
  http::Request to = get({{"Left", "over"}});
  forward_request(from, rules, client, for_storing, to);
  return to;
}

TEST_CASE("method, target and end-to-end fields go through in their order") {
  http::Request from = request(http::Method::kOther, {{"X-b", "1"},
                                                      {"Host", "Example.org"},
                                                      {"Accept", "a"},
                                                      {"X-b", "2"},
                                                      {"Accept-Encoding", "gzip;q=0.5"}});
  from.method_text = "BREW";
  from.target = "/pot?x";
  from.version = http::kHttp10;
  const http::Request to = forwarded(from);
  CHECK(to.method == http::Method::kOther);
  CHECK(to.method_text == "BREW");
  CHECK(to.target == "/pot?x");
  CHECK(to.version == http::kHttp11);
  CHECK(listed(to.fields) ==
        "Host: example.org|X-b: 1|Accept: a|X-b: 2|Accept-Encoding: gzip;q=0.5");
}

TEST_CASE("a host of the rules replaces the client's") {
  ForwardRules rules = kBare;
  rules.host = "origin.internal:8080";
  const http::Request to = forwarded(get({{"Host", "example.org"}}), rules);
  CHECK(listed(to.fields) == "Host: origin.internal:8080");
  CHECK(to.authority == "origin.internal:8080");
}

TEST_CASE("the origin is told the host as it is keyed, whatever the client spelled") {
  struct Row {
    std::string_view scheme, authority, host;
  };
  const ForwardRules rules{.forwarded = Forwarded::kBoth, .via = false};
  for (const Row& row :
       {Row{"http", "a", "a"}, Row{"http", "a:80", "a"}, Row{"http", "a:443", "a:443"},
        Row{"http", "a:8080", "a:8080"}, Row{"https", "a:443", "a"}, Row{"https", "a:80", "a:80"},
        Row{"http", "[::1]:80", "[::1]"}}) {
    CAPTURE(row.authority);
    http::Request from = get({{"Host", row.authority}});
    from.authority = row.authority;
    const http::Request to = forwarded(from, rules, false, {"192.0.2.7", row.scheme});
    CHECK(to.authority == row.host);
    CHECK(to.fields.get("Host") == row.host);
    CHECK(to.fields.get("X-Forwarded-Host") == row.host);
    const std::string element = "host=\"" + std::string(row.host) + "\";";
    CHECK(to.fields.get("Forwarded")->find(element) != std::string_view::npos);
  }
}

TEST_CASE("Max-Forwards counts for OPTIONS and TRACE, and goes down by one") {  // RFC 9110 §7.6.2
  struct Row {
    http::Method method;
    FieldList fields;
    std::optional<std::uint64_t> left;
    const char* forwarded;
  };
  using enum http::Method;
  for (const Row& row :
       {Row{kOptions, {{"Max-Forwards", "0"}}, 0, "0"},
        Row{kTrace, {{"Max-Forwards", "0"}}, 0, "0"},
        Row{kOptions, {{"Max-Forwards", "10"}}, 10, "9"},
        Row{kOptions, {{"Max-Forwards", "99999999999999999999"}}, 1'000'000, "999999"},
        Row{kOptions, {{"Max-Forwards", "7"}, {"Max-Forwards", "9"}}, 7, "6"},
        Row{kOptions, {{"Max-Forwards", "x"}}, std::nullopt, "x"},
        Row{kOptions, {}, std::nullopt, ""},
        Row{kGet, {{"Max-Forwards", "0"}}, std::nullopt, "0"}}) {
    const http::Request from = request(row.method, row.fields);
    CHECK(hops_left(from) == row.left);
    CHECK(forwarded(from).fields.joined("Max-Forwards").value_or("") == row.forwarded);
  }
}

TEST_CASE("hop-by-hop and framing fields stay behind") {  // RFC 9110 §7.6.1
  const http::Request to = forwarded(get({{"Connection", "keep-alive, X-Hop, x-other"},
                                          {"Connection", "X-third"},
                                          {"Keep-Alive", "a"},
                                          {"Proxy-Connection", "a"},
                                          {"Proxy-Authorization", "a"},
                                          {"TE", "trailers"},
                                          {"Trailer", "a"},
                                          {"Transfer-Encoding", "chunked"},
                                          {"Upgrade", "websocket"},
                                          {"Content-Length", "3"},
                                          {"x-hop", "a"},
                                          {"X-Other", "a"},
                                          {"X-Third", "a"},
                                          {"X-End", "a"},
                                          {"Expect", "100-continue"}}));
  CHECK(listed(to.fields) == "Host: example.org|X-End: a|Expect: 100-continue");
}

TEST_CASE("Connection cannot take end-to-end fields away") {  // hop-by-hop header abuse
  const http::Request to = forwarded(
      get({{"Connection", "close, Cookie, Host, Cache-Control, Authorization, X-Forwarded-For"},
           {"Cookie", "a"},
           {"Cache-Control", "no-cache"},
           {"Authorization", "Basic x"},
           {"X-Forwarded-For", "198.51.100.1"}}));
  CHECK(listed(to.fields) ==
        "Host: example.org|Cookie: a|Cache-Control: no-cache|Authorization: Basic x|"
        "X-Forwarded-For: 198.51.100.1");
}

TEST_CASE("for storing, the request asks for the whole without conditions") {
  const http::Request from = get({{"Range", "bytes=0-1"},
                                  {"If-Range", "\"a\""},
                                  {"If-Match", "\"a\""},
                                  {"If-None-Match", "\"a\""},
                                  {"If-Modified-Since", "x"},
                                  {"If-Unmodified-Since", "x"},
                                  {"Expect", "100-continue"},
                                  {"Accept", "a"}});
  CHECK(listed(forwarded(from, kBare, true).fields) == "Host: example.org|Accept: a");
  CHECK(forwarded(from, kBare, false).fields.size() == 9);
}

TEST_CASE("Via is appended with the version that was received") {  // RFC 9110 §7.6.3
  ForwardRules rules = kBare;
  rules.via = true;
  CHECK(listed(forwarded(get({}), rules).fields) == "Host: example.org|Via: 1.1 weir");
  http::Request old = get({{"Via", "1.1 a"}, {"Via", "2 b"}});
  old.version = http::kHttp10;
  CHECK(forwarded(old, rules).fields.joined("Via") == "1.1 a, 2 b, 1.0 weir");
  CHECK(forwarded(old, kBare).fields.joined("Via") == "1.1 a, 2 b");
}

TEST_CASE("X-Forwarded-For is appended to, its companions are replaced") {
  ForwardRules rules = kBare;
  rules.forwarded = Forwarded::kXForwardedFor;
  const http::Request to = forwarded(get({{"X-Forwarded-For", "a"},
                                          {"X-Forwarded-For", "b"},
                                          {"X-Forwarded-Proto", "gopher"},
                                          {"X-Forwarded-Host", "evil.example"},
                                          {"Forwarded", "for=a"}}),
                                     rules);
  CHECK(listed(to.fields) ==
        "Host: example.org|Forwarded: for=a|X-Forwarded-For: a, b, 192.0.2.7|"
        "X-Forwarded-Proto: http|X-Forwarded-Host: example.org");
  const http::Request first = forwarded(get({}), rules, false, {"2001:db8::1", "https"});
  CHECK(first.fields.get("X-Forwarded-For") == "2001:db8::1");
  CHECK(first.fields.get("X-Forwarded-Proto") == "https");
}

TEST_CASE("Forwarded carries an element of its own") {  // RFC 7239 §4, §6
  ForwardRules rules = kBare;
  rules.forwarded = Forwarded::kForwarded;
  http::Request from = get({{"Forwarded", "for=a"}, {"X-Forwarded-For", "a"}});
  from.authority = "example.org:8080";
  CHECK(listed(forwarded(from, rules).fields) ==
        "Host: example.org:8080|X-Forwarded-For: a|"
        "Forwarded: for=a, for=192.0.2.7;host=\"example.org:8080\";proto=http");
  CHECK(forwarded(get({}), rules, false, {"2001:db8::1", "https"}).fields.get("Forwarded") ==
        "for=\"[2001:db8::1]\";host=\"example.org\";proto=https");
  rules.forwarded = Forwarded::kBoth;
  const http::Request both = forwarded(from, rules);
  CHECK(both.fields.get("X-Forwarded-For") == "a, 192.0.2.7");
  CHECK(both.fields.has(http::FieldId::kForwarded));
}

TEST_CASE("a validation carries the validators that are stored") {  // RFC 9111 §4.3.1
  http::Request to = forwarded(get({{"If-None-Match", "\"old\""}}), kBare, true);
  add_validators(response(200, {{"ETag", "W/\"a\""}, {"Last-Modified", "then"}}), to);
  CHECK(listed(to.fields) == "Host: example.org|If-None-Match: W/\"a\"|If-Modified-Since: then");
  http::Request none = forwarded(get({}));
  add_validators(response(200, {{"ETag", ""}}), none);
  CHECK(listed(none.fields) == "Host: example.org");
}

TEST_CASE("a response loses what belongs to its hop") {  // RFC 9110 §7.6.1, RFC 9111 §3.1
  http::Response r = response(200, {{"Date", date(-1)},
                                    {"Connection", "X-Hop, close, Cache-Control"},
                                    {"X-Hop", "a"},
                                    {"Cache-Control", "max-age=1"},
                                    {"Keep-Alive", "a"},
                                    {"Proxy-Authenticate", "a"},
                                    {"Proxy-Authentication-Info", "a"},
                                    {"Proxy-Connection", "a"},
                                    {"TE", "a"},
                                    {"Trailer", "a"},
                                    {"Transfer-Encoding", "chunked"},
                                    {"Upgrade", "h2"},
                                    {"Content-Length", "5"},
                                    {"Set-Cookie", "a"},
                                    {"Age", "4"}});
  clean_response(r, false, kNow);
  CHECK(listed(r.fields) == "Date: " + date(-1) + "|Cache-Control: max-age=1|Set-Cookie: a|Age: 4");
}

TEST_CASE("a response gets Via, and the time of receipt in place of a missing or invalid Date") {
  http::Response r = response(200, {{"Via", "1.0 a"}});
  clean_response(r, true, kNow);
  CHECK(listed(r.fields) == "Via: 1.0 a, 1.1 weir|Date: " + date(0));
  http::Response bad = response(200, {{"Date", "yesterday"}});
  clean_response(bad, false, kNow);
  CHECK(listed(bad.fields) == "Date: " + date(0));  // RFC 9110 §6.6.1
}

}  // namespace
}  // namespace weir::policy
