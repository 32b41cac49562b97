#include <doctest/doctest.h>

#include <string>

#include "http/outcome.h"
#include "http/parser.h"

using namespace weir;
using namespace weir::http;

namespace {

const struct {
  std::string_view input, expected;
} kCases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
     "200 'OK' 1.1 length 5 keep[Content-Length=5] /38"},
    {"HTTP/1.1 200 \r\n\r\n", "200 '' 1.1 until close close /17"},
    {"HTTP/1.1 200\r\n\r\n", "200 '' 1.1 until close close /16"},
    {"HTTP/1.1 404 Not\tFo\xfcnd \r\nContent-Length: 0\r\n\r\n",
     "404 'Not\tFo\xfcnd ' 1.1 length 0 keep[Content-Length=0] /46"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
     "200 'OK' 1.0 length 5 close[Content-Length=5] /38"},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
     "200 'OK' 1.0 length 5 keep[Connection=keep-alive][Content-Length=5] /62"},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
     "200 'OK' 1.0 until close close[Connection=keep-alive] /43"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
     "200 'OK' 1.1 chunked keep[Transfer-Encoding=chunked] /47"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", "100 'Continue' 1.1 none keep /25"},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
     "204 'No Content' 1.1 none keep[Content-Length=5] /46"},
    {"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
     "304 'Not Modified' 1.1 none keep[ETag=\"a\"] /40"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
     "200 'OK' 1.1 length 5 keep[Content-Length=5] /57"},  // RFC 9112 §6.3
    {"HTTP/1.1 999 Odd\r\n\r\n", "999 'Odd' 1.1 until close close /20"},
    {"HTTP/1.1 200 OK\r\n", "more"},
    // Status lines, RFC 9112 §4
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/2.0 200 OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1  200 OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 20 OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 2000 OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 099 OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200\tOK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200OK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 O\rK\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", "!origin_bad_response"},
    {"ICY 200 OK\r\n\r\n", "!origin_bad_response"},
    {"SSH-2.0-x\r\n", "!origin_bad_response"},
    {"<html>", "!origin_bad_response"},
    // Fields and framing; field_lines_test.cpp and framing_test.cpp have the rest
    {"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nA: b\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     "!origin_bad_response"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "!origin_bad_response"},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "!origin_bad_response"},
};

std::string outcome(std::string_view input, const HeadLimits& limits = {}) {
  return test::outcome_of_all_cuts(input, [&](std::string_view in, const test::Cuts& cuts) {
    return test::response_outcome(in, cuts, Method::kGet, limits);
  });
}

}  // namespace

TEST_CASE("responses are understood or refused, whole or cut anywhere") {
  for (const auto& c : kCases) {
    CAPTURE(c.input);
    CHECK(outcome(c.input) == c.expected);
  }
}

TEST_CASE("the response to HEAD has no body but keeps its length field") {
  CHECK(test::response_outcome("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {}, Method::kHead) ==
        "200 'OK' 1.1 none keep[Content-Length=5] /38");
}

TEST_CASE("interim responses come before the final one on the same parser") {
  const std::string_view input =
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  ResponseParser parser({});
  Response head;
  CHECK_FALSE(parser.started());
  auto step = parser.feed(input, Method::kGet, head);
  REQUIRE(step);
  CHECK(parser.started());
  CHECK(test::show(head) == "103 'Early Hints' 1.1 none keep[Link=</a>]");
  parser.reset();
  CHECK_FALSE(parser.started());
  step = parser.feed(input.substr(step->used), Method::kGet, head);
  REQUIRE(step);
  CHECK(test::show(head) == "200 'OK' 1.1 length 1 keep[Content-Length=1]");
}

TEST_CASE("a response head over a limit is refused by name") {
  const HeadLimits limits{.head_bytes = 40, .target_bytes = 1, .fields = 2};
  for (std::string_view input : {"HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n",
                                 "HTTP/1.1 200 OKOKOKOKOKOKOKOKOKOKOKOKOKOKOKOK",
                                 "HTTP/1.1 200 OK\r\nA: 12345678901234567890\r\n"}) {
    CAPTURE(input);
    CHECK(outcome(input, limits) == "!origin_head_too_large");
  }
}
