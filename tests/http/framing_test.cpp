#include "http/framing.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http/outcome.h"

using namespace weir;
using namespace weir::http;

namespace {

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

Fields fields_of(const Lines& lines) {
  Fields fields;
  for (const auto& [name, value] : lines) fields.add(name, value);
  return fields;
}

std::string request_framing(const Lines& lines, Version version = kHttp11) {
  Request head;
  head.version = version;
  head.fields = fields_of(lines);
  const auto framed = frame_request(head);
  return framed ? test::show(head.framing, head.length) : test::show(framed.error());
}

std::string response_framing(const Lines& lines, int status = 200, Method to = Method::kGet,
                             Version version = kHttp11) {
  Response head;
  head.status = status;
  head.version = version;
  head.fields = fields_of(lines);
  const auto framed = frame_response(to, head);
  return framed ? test::show(head.framing, head.length) : test::show(framed.error());
}

const std::string_view kTe = "Transfer-Encoding";
const std::string_view kCl = "Content-Length";

}  // namespace

TEST_CASE("a request body is framed by exactly one unambiguous statement") {
  const struct {
    Lines lines;
    std::string_view expected;
  } cases[] = {
      {{}, "none"},
      {{{kCl, "0"}}, "length 0"},
      {{{kCl, "5"}}, "length 5"},
      {{{kCl, "9223372036854775807"}}, "length 9223372036854775807"},
      {{{kCl, "9223372036854775808"}}, "!bad_framing"},
      {{{kCl, "99999999999999999999999"}}, "!bad_framing"},
      {{{kCl, ""}}, "!bad_framing"},
      {{{kCl, "+5"}}, "!bad_framing"},
      {{{kCl, "-5"}}, "!bad_framing"},
      {{{kCl, "0x5"}}, "!bad_framing"},
      {{{kCl, "5 5"}}, "!bad_framing"},
      {{{kCl, "5, 5"}}, "!bad_framing"},
      {{{kCl, "5"}, {kCl, "5"}}, "!bad_framing"},
      {{{kCl, "5"}, {kCl, "6"}}, "!bad_framing"},
      {{{kTe, "chunked"}}, "chunked"},
      {{{kTe, "Chunked"}}, "chunked"},
      {{{kTe, ", chunked"}}, "chunked"},
      {{{kTe, "chunked"}, {kTe, ""}}, "chunked"},
      {{{kTe, ""}}, "!bad_framing"},
      {{{kTe, ","}}, "!bad_framing"},
      {{{kTe, "chunked, chunked"}}, "!bad_framing"},  // RFC 9112 §6.1
      {{{kTe, "chunked"}, {kTe, "chunked"}}, "!bad_framing"},
      {{{kTe, "chunked, gzip"}}, "!bad_framing"},
      {{{kTe, "chunked"}, {kTe, "identity"}}, "!bad_framing"},
      {{{kTe, "gzip, chunked"}}, "!unsupported_coding"},
      {{{kTe, "gzip"}, {kTe, "chunked"}}, "!unsupported_coding"},
      {{{kTe, "gzip"}}, "!unsupported_coding"},
      {{{kTe, "identity"}}, "!unsupported_coding"},
      {{{kTe, "xchunked"}}, "!unsupported_coding"},
      {{{kTe, "chunked;a=b"}}, "!unsupported_coding"},
      {{{kTe, "\"chunked\""}}, "!unsupported_coding"},
      {{{kTe, "chunked"}, {kCl, "5"}}, "!bad_framing"},  // RFC 9112 §6.3
      {{{kTe, "gzip"}, {kCl, "5"}}, "!bad_framing"},
  };
  for (const auto& c : cases) {
    CAPTURE(test::show(fields_of(c.lines)));
    CHECK(request_framing(c.lines) == c.expected);
  }
  CHECK(request_framing({{kTe, "chunked"}}, kHttp10) == "!bad_framing");  // RFC 9112 §6.1
  CHECK(request_framing({{kCl, "5"}}, kHttp10) == "length 5");
}

TEST_CASE("a response body is framed likewise, or by the end of the connection") {
  const struct {
    Lines lines;
    std::string_view expected;
  } cases[] = {
      {{}, "until close"},
      {{{kCl, "5"}}, "length 5"},
      {{{kCl, "5"}, {kCl, "5"}}, "length 5"},  // RFC 9112 §6.3
      {{{kCl, "5"}, {kCl, "6"}}, "!origin_bad_response"},
      {{{kCl, "5"}, {kCl, "05"}}, "!origin_bad_response"},
      {{{kCl, "5, 5"}}, "!origin_bad_response"},
      {{{kCl, "x"}}, "!origin_bad_response"},
      {{{kTe, "chunked"}}, "chunked"},
      {{{kTe, "gzip, chunked"}}, "!origin_bad_response"},
      {{{kTe, "gzip"}}, "!origin_bad_response"},
      {{{kTe, "chunked, chunked"}}, "!origin_bad_response"},
      {{{kTe, "chunked"}, {kCl, "5"}}, "!origin_bad_response"},
  };
  for (const auto& c : cases) {
    CAPTURE(test::show(fields_of(c.lines)));
    CHECK(response_framing(c.lines) == c.expected);
  }
  CHECK(response_framing({{kTe, "chunked"}}, 200, Method::kGet, kHttp10) == "!origin_bad_response");
}

TEST_CASE("some responses have no body whatever their fields say, RFC 9112 section 6.3") {
  for (const Lines& lines : {Lines{}, Lines{{kCl, "5"}}, Lines{{kTe, "chunked"}}}) {
    for (int status : {100, 103, 204, 304}) CHECK(response_framing(lines, status) == "none");
    CHECK(response_framing(lines, 200, Method::kHead) == "none");
    CHECK(response_framing(lines, 404, Method::kHead) == "none");
    CHECK(response_framing(lines, 200, Method::kPost) != "none");
  }
  CHECK(response_framing({{kCl, "x"}}, 304) == "!origin_bad_response");
}

TEST_CASE("equal lengths of a response become one line") {
  Response head;
  head.status = 200;
  head.fields = fields_of({{kCl, "5"}, {"A", "b"}, {"content-length", "5"}});
  REQUIRE(frame_response(Method::kGet, head));
  CHECK(test::show(head.fields) == "[A=b][Content-Length=5]");
}

TEST_CASE("a connection persists as RFC 9112 section 9.3 says") {
  const struct {
    Lines lines;
    bool http10, http11;
  } cases[] = {
      {{}, false, true},
      {{{"Connection", "close"}}, false, false},
      {{{"Connection", "Keep-Alive"}}, true, true},
      {{{"Connection", "keep-alive, close"}}, false, false},
      {{{"Connection", "a"}, {"connection", "b, CLOSE"}}, false, false},
      {{{"Connection", "closed"}}, false, true},
      {{{"Connection", "\"close\""}}, false, true},
      {{{"Proxy-Connection", "close"}}, false, true},
      {{{"Keep-Alive", "timeout=5"}}, false, true},
  };
  for (const auto& c : cases) {
    const Fields fields = fields_of(c.lines);
    CAPTURE(test::show(fields));
    CHECK(wants_keep_alive(fields, kHttp10) == c.http10);
    CHECK(wants_keep_alive(fields, kHttp11) == c.http11);
  }
}
