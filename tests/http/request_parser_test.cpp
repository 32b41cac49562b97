#include <doctest/doctest.h>

#include <string>

#include "http/outcome.h"
#include "http/parser.h"

using namespace weir;
using namespace weir::http;

namespace {

struct Case {
  std::string_view input, expected;
};

const Case kValid[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 @a none keep[Host=a] /27"},
    {"GET /x?y=z%20;'\"<>|^`{} HTTP/1.1\r\nhost: A.b:80\r\n\r\nGET",
     "GET /x?y=z%20;'\"<>|^`{} 1.1 @a.b:80 none keep[host=A.b:80] /50"},
    {"GET //etc HTTP/1.1\r\nHost: a\r\n\r\n", "GET //etc 1.1 @a none keep[Host=a] /31"},
    {"GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n",
     "GET / 1.1 @[::1]:81 none keep[Host=[::1]:81] /34"},
    {"GET / HTTP/1.5\r\nHost: a\r\n\r\n", "GET / 1.1 @a none keep[Host=a] /27"},  // RFC 9110 §2.5
    {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 @a none keep[Host=a] /31"},
    // HTTP/1.0
    {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 @ none close /18"},
    {"GET / HTTP/1.0\r\nHost: A\r\nConnection: keep-alive\r\n\r\n",
     "GET / 1.0 @a none keep[Host=A][Connection=keep-alive] /51"},
    {"GET http://a/ HTTP/1.0\r\n\r\n", "GET / 1.0 @a none close /26"},
    // Methods, RFC 9110 §9.1
    {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "BREW / 1.1 @a none keep[Host=a] /28"},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "get / 1.1 @a none keep[Host=a] /27"},
    {"M-SEARCH!~ / HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH!~ / 1.1 @a none keep[Host=a] /34"},
    {"PRI / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI / 1.1 @a none keep[Host=a] /27"},
    // Targets, RFC 9112 §3.2
    {"GET http://B.c:8080/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /p?q 1.1 @b.c:8080 none keep[Host=b.c:8080] /45"},
    {"GET http://b HTTP/1.1\r\nHost: b\r\n\r\n", "GET / 1.1 @b none keep[Host=b] /34"},
    {"GET HTTPS://b?q HTTP/1.1\r\nHost: B\r\n\r\n", "GET /?q 1.1 @b none keep[Host=B] /37"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 1.1 @a none keep[Host=a] /31"},
    {"OPTIONS http://b HTTP/1.1\r\nHost: b\r\n\r\n", "OPTIONS * 1.1 @b none keep[Host=b] /38"},
    {"OPTIONS http://b/ HTTP/1.1\r\nHost: b\r\n\r\n", "OPTIONS / 1.1 @b none keep[Host=b] /39"},
    {"CONNECT A:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
     "CONNECT A:443 1.1 @a:443 none keep[Host=a:443] /39"},
    // Framing, RFC 9112 §6
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
     "POST / 1.1 @a length 3 keep[Host=a][Content-Length=3] /47"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "POST / 1.1 @a chunked keep[Host=a][Transfer-Encoding=chunked] /56"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     "GET / 1.1 @a none close[Host=a][Connection=close] /46"},
    {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nx",
     "GET / 1.1 @a none keep[Host=a][Upgrade=h2c][Connection=upgrade] /62"},
    // Expectations, RFC 9110 §10.1.1
    {"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
     "PUT / 1.1 @a length 1 keep expect[Host=a][Expect=100-Continue][Content-Length=1] /68"},
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
     "GET / 1.1 @a none keep[Host=a][Expect=100-continue] /49"},
    {"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
     "PUT / 1.0 @ length 1 close[Expect=100-continue][Content-Length=1] /59"},
    {"GET / HTTP/1.1\r\nHost: a\r\n", "more"},
    {"\r\n", "more"},
};

const Case kInvalid[] = {
    // Start lines, RFC 9112 §3
    {"\n", "!bad_request"},
    {"\r\r\n", "!bad_request"},
    {"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", "!bad_request"},
    {" GET / HTTP/1.1\r\n", "!bad_request"},
    {"G(T / HTTP/1.1\r\n", "!bad_request"},
    {"GET\t/ HTTP/1.1\r\n", "!bad_request"},
    {"GET\r\n", "!bad_request"},
    {"GET /\r\n", "!bad_request"},
    {"GET / \r\n", "!bad_request"},
    {"GET / HTTP/1.1\n", "!bad_request"},
    {"GET / HTTP/1.1 \r\n", "!bad_request"},
    {"GET / HTTP/1.1\r\r\n", "!bad_request"},
    {"GET / http/1.1\r\n", "!bad_request"},
    {"GET / HTTP/1\r\n", "!bad_request"},
    {"GET / HTTP/1.10\r\n", "!bad_request"},
    {"GET /  HTTP/1.1\r\n", "!bad_request"},
    {"GET /a b HTTP/1.1\r\n", "!bad_request"},
    {"\x16\x03\x01\x02", "!bad_request"},  // a TLS hello
    {"AVERYLONGMETHODNAMEAVERYLONGMETHODNAMEAVERYLONGMETHODNAMEAVERYLONG", "!bad_request"},
    {"GET / HTTP/2.0\r\n", "!unsupported_version"},
    {"GET / HTTP/0.9\r\n", "!unsupported_version"},
    {"OPTIONS * HTTP/3.1\r\n", "!unsupported_version"},
    // Targets, RFC 9112 §3.2
    {"GET  / HTTP/1.1\r\n", "!bad_target"},
    {"GET x HTTP/1.1\r\n", "!bad_target"},
    {"GET * HTTP/1.1\r\n", "!bad_target"},
    {"PRI * HTTP/2.0\r\n", "!bad_target"},
    {"OPTIONS ** HTTP/1.1\r\n", "!bad_target"},
    {"GET /#f HTTP/1.1\r\n", "!bad_target"},
    {"GET /\t HTTP/1.1\r\n", "!bad_target"},
    {"GET /\x7f HTTP/1.1\r\n", "!bad_target"},
    {"GET /\xc3\xa4 HTTP/1.1\r\n", "!bad_target"},
    {std::string_view("GET /\0 HTTP/1.1\r\n", 17), "!bad_target"},
    {"GET ftp://a/ HTTP/1.1\r\n", "!bad_target"},
    {"GET http:/a HTTP/1.1\r\n", "!bad_target"},
    {"GET http:///a HTTP/1.1\r\n", "!bad_target"},
    {"GET http://u@a/ HTTP/1.1\r\n", "!bad_target"},
    {"GET http://a:x/ HTTP/1.1\r\n", "!bad_target"},
    {"GET ?x HTTP/1.1\r\n", "!bad_target"},
    {"GET a:443 HTTP/1.1\r\n", "!bad_target"},
    {"CONNECT / HTTP/1.1\r\n", "!bad_target"},
    {"CONNECT a HTTP/1.1\r\n", "!bad_target"},
    {"CONNECT http://a:1/ HTTP/1.1\r\n", "!bad_target"},
    // Host, RFC 9112 §3.2
    {"GET / HTTP/1.1\r\n\r\n", "!bad_host"},
    {"GET http://a/ HTTP/1.1\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", "!bad_host"},
    {"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "!bad_host"},
    {"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "!bad_host"},
    {"GET http://a/ HTTP/1.1\r\nHost: u@b\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "!bad_host"},
    {"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "!bad_host"},
    // Fields, RFC 9112 §5; field_lines_test.cpp has the rest
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", "!bad_request"},
    {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "!bad_request"},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "!bad_request"},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "!bad_request"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", "!bad_request"},
    // Framing, RFC 9112 §6; framing_test.cpp has the rest
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
     "!bad_framing"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", "!bad_framing"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
     "!bad_framing"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: 3\r\n\r\n",
     "!bad_framing"},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "!bad_framing"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "!bad_framing"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     "!unsupported_coding"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
     "!unsupported_coding"},
    // Expectations, RFC 9110 §10.1.1
    {"PUT / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", "!expectation_failed"},
    {"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n",
     "!expectation_failed"},
};

std::string outcome(std::string_view input, const HeadLimits& limits = {}) {
  return test::outcome_of_all_cuts(input, [&](std::string_view in, const test::Cuts& cuts) {
    return test::request_outcome(in, cuts, limits);
  });
}

}  // namespace

TEST_CASE("requests are understood or refused, whole or cut anywhere") {
  for (const Case& c : kValid) {
    CAPTURE(c.input);
    CHECK(outcome(c.input) == c.expected);
  }
  for (const Case& c : kInvalid) {
    CAPTURE(c.input);
    CHECK(outcome(c.input) == c.expected);
  }
}

TEST_CASE("a request over a limit is refused at the byte that exceeds it") {
  const HeadLimits limits{.head_bytes = 60, .target_bytes = 10, .fields = 2};
  const struct {
    std::string_view input, expected;
    std::size_t at;  // how many bytes it takes
  } cases[] = {
      {"GET /23456789 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /23456789 1.1 @a none keep[Host=a] /35",
       35},
      {"GET /2345678901 HTTP/1.1\r\nHost: a\r\n\r\n", "!uri_too_long", 15},
      {"GET http://ab/c HTTP/1.1\r\nHost: a\r\n\r\n", "!uri_too_long", 15},
      {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\n\r\n", "GET / 1.1 @a none keep[Host=a][A=1] /33", 33},
      {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n", "!head_too_large", 33},
      // 60 bytes in all, 61, and an endless name
      {"GET / HTTP/1.1\r\nHost: a\r\nA: 2345678901234567890123456789\r\n\r\n",
       "GET / 1.1 @a none keep[Host=a][A=2345678901234567890123456789] /60", 60},
      {"GET / HTTP/1.1\r\nHost: a\r\nA: 23456789012345678901234567890\r\n\r\n", "!head_too_large",
       60},
      {"GET / HTTP/1.1\r\nHost: a\r\nAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       "!head_too_large", 60},
      {"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nA: 2345678901234567890123456789\r\n\r\n",
       "!head_too_large", 60},
  };
  for (const auto& c : cases) {
    CAPTURE(c.input);
    CHECK(outcome(c.input, limits) == c.expected);
    RequestParser parser(limits);
    Request head;
    std::size_t at = 0;
    for (;;) {
      const auto step = parser.feed(c.input.substr(at++, 1), head);
      if (!step || step->complete) break;
      REQUIRE(at < c.input.size());
    }
    CHECK(at == c.at);
  }
}

TEST_CASE("pipelined requests are parsed one after the other by one parser into one head") {
  const std::string_view input =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
      "\r\nBREW /2 HTTP/1.0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: b\r\n\r\n";
  RequestParser parser({});
  Request head;
  auto step = parser.feed(input, head);
  REQUIRE(step);
  CHECK(test::show(head) ==
        "POST /1 1.1 @a length 2 close[Host=a][Content-Length=2][Connection=close]");
  std::size_t at = step->used + 2;
  parser.reset();
  CHECK_FALSE(parser.started());
  step = parser.feed(input.substr(at), head);
  REQUIRE(step);
  CHECK(test::show(head) == "BREW /2 1.0 @ none close");
  CHECK(head.method == Method::kOther);
  at += step->used;
  parser.reset();
  step = parser.feed(input.substr(at), head);
  REQUIRE(step);
  CHECK(test::show(head) == "GET /3 1.1 @b none keep[Host=b]");
  CHECK(at + step->used == input.size());
}

TEST_CASE("a head starts with its first byte, not with an empty line before it") {
  RequestParser parser({});
  Request head;
  CHECK_FALSE(parser.started());
  REQUIRE(parser.feed("\r\n\r", head));
  CHECK_FALSE(parser.started());
  REQUIRE(parser.feed("\nG", head));
  CHECK(parser.started());
  parser.reset();
  CHECK_FALSE(parser.started());
}

TEST_CASE("after a refusal the head shows what was understood") {
  RequestParser parser({});
  Request head;
  head.target = "/old";
  CHECK_FALSE(parser.feed("GET /new HTTP/1.1\r\nHost: a\r\nB :", head));
  CHECK(head.method_text == "GET");
  CHECK(head.target == "/new");
  CHECK(head.fields.get(FieldId::kHost) == "a");
  parser.reset();
  const auto step = parser.feed("GET / HTTP/1.1\r\nHost: b\r\n\r\n", head);
  REQUIRE(step);
  CHECK(step->complete);
  CHECK(head.authority == "b");
}
