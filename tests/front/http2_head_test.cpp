#include "front/http2_head.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace weir;
using namespace weir::front;

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  std::optional<Error> error;
  http::Request head;
};

Outcome read(const Lines& lines, bool ends = true, http::HeadLimits limits = {}) {
  Http2Head fields(limits);
  Outcome out;
  for (const auto& [name, value] : lines) fields.add(name, value, out.head);
  out.error = fields.finish(ends, out.head);
  return out;
}

Lines good(Lines more = {}) {
  Lines lines{
      {":method", "GET"}, {":scheme", "https"}, {":authority", "Example.org"}, {":path", "/a?b"}};
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

}  // namespace

TEST_CASE("a request of HTTP/2 becomes what HTTP/1 would have said") {
  const Outcome out = read(good({{"cookie", "a=1"},
                                 {"user-agent", "t"},
                                 {"cookie", "b=2"},
                                 {"te", "trailers"},
                                 {"cookie", "c=3"}}));
  REQUIRE_FALSE(out.error);
  CHECK(out.head.method == http::Method::kGet);
  CHECK(out.head.target == "/a?b");
  CHECK(out.head.authority == "example.org");
  CHECK(out.head.fields.get(http::FieldId::kHost) == "example.org");
  CHECK(out.head.fields.get(http::FieldId::kCookie) == "a=1; b=2; c=3");  // RFC 9113 §8.2.3
  CHECK(out.head.fields.count(http::FieldId::kCookie) == 1);
  CHECK_FALSE(out.head.fields.has(http::FieldId::kTe));
  CHECK(out.head.framing == http::Framing::kNone);
  CHECK(out.head.version == http::Version{2, 0});
}

TEST_CASE("a body is of the length that is said, or ends with the stream") {
  CHECK(read(good(), false).head.framing == http::Framing::kChunked);
  const Outcome five = read(good({{"content-length", "5"}}), false);
  CHECK(five.head.framing == http::Framing::kLength);
  CHECK(five.head.length == 5);
  CHECK(read(good({{"expect", "100-continue"}}), false).head.expect_continue);
  CHECK_FALSE(read(good({{"expect", "100-continue"}}), true).head.expect_continue);
}

TEST_CASE("what is malformed or could be read in two ways is refused") {
  struct Case {
    std::string what;
    Lines lines;
    Errc error;
  };
  const Case cases[] = {
      {"§8.3.1 no method",
       {{":scheme", "http"}, {":authority", "a"}, {":path", "/"}},
       Errc::kBadRequest},
      {"§8.3.1 no path",
       {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}},
       Errc::kBadRequest},
      {"§8.3.1 no scheme",
       {{":method", "GET"}, {":authority", "a"}, {":path", "/"}},
       Errc::kBadRequest},
      {"§8.3 a pseudo-field twice", good({{":path", "/b"}}), Errc::kBadRequest},
      {"§8.3 a pseudo-field behind a field",
       {{":method", "GET"}, {":scheme", "http"}, {"a", "b"}, {":authority", "a"}, {":path", "/"}},
       Errc::kBadRequest},
      {"§8.3 a pseudo-field of responses", good({{":status", "200"}}), Errc::kBadRequest},
      {"RFC 8441 is not offered", good({{":protocol", "websocket"}}), Errc::kBadRequest},
      {"§8.2.1 upper case", good({{"User-Agent", "t"}}), Errc::kBadRequest},
      {"§8.2.1 space in a name", good({{"a b", "t"}}), Errc::kBadRequest},
      {"§8.2.1 no name", good({{"", "t"}}), Errc::kBadRequest},
      {"§8.2.1 CR", good({{"a", "b\rc"}}), Errc::kBadRequest},
      {"§8.2.1 LF", good({{"a", "b\nTransfer-Encoding: chunked"}}), Errc::kBadRequest},
      {"§8.2.1 NUL", good({{"a", std::string("b\0c", 3)}}), Errc::kBadRequest},
      {"§8.2.1 space before a value", good({{"a", " b"}}), Errc::kBadRequest},
      {"§8.2.1 tab behind a value", good({{"a", "b\t"}}), Errc::kBadRequest},
      {"LF in a cookie", good({{"cookie", "a=1\n"}}), Errc::kBadRequest},
      {"§8.2.2 Connection", good({{"connection", "close"}}), Errc::kBadRequest},
      {"§8.2.2 Keep-Alive", good({{"keep-alive", "5"}}), Errc::kBadRequest},
      {"§8.2.2 Proxy-Connection", good({{"proxy-connection", "close"}}), Errc::kBadRequest},
      {"§8.2.2 Transfer-Encoding", good({{"transfer-encoding", "chunked"}}), Errc::kBadRequest},
      {"§8.2.2 Upgrade", good({{"upgrade", "h2c"}}), Errc::kBadRequest},
      {"§8.2.2 TE", good({{"te", "gzip"}}), Errc::kBadRequest},
      {"§8.3.1 Host says something else", good({{"host", "evil.org"}}), Errc::kBadHost},
      {"two Hosts", good({{"host", "example.org"}, {"host", "example.org"}}), Errc::kBadHost},
      {"no authority at all",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}},
       Errc::kBadHost},
      {"userinfo",
       {{":method", "GET"}, {":scheme", "http"}, {":authority", "u@a"}, {":path", "/"}},
       Errc::kBadHost},
      {"LF in the path",
       {{":method", "GET"},
        {":scheme", "http"},
        {":authority", "a"},
        {":path", "/ HTTP/1.1\r\nX: y"}},
       Errc::kBadTarget},
      {"absolute path",
       {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "http://b/"}},
       Errc::kBadTarget},
      {"* is for OPTIONS",
       {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}},
       Errc::kBadTarget},
      {"another scheme",
       {{":method", "GET"}, {":scheme", "ftp"}, {":authority", "a"}, {":path", "/"}},
       Errc::kBadTarget},
      {"space in the method",
       {{":method", "GET /x"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}},
       Errc::kBadRequest},
      {"CONNECT", {{":method", "CONNECT"}, {":authority", "a:1"}}, Errc::kUnsupportedMethod},
      {"§8.1.1 a body is announced and none comes", good({{"content-length", "1"}}),
       Errc::kBadFraming},
      {"two lengths", good({{"content-length", "0"}, {"content-length", "0"}}), Errc::kBadFraming},
      {"a length that is none", good({{"content-length", "+1"}}), Errc::kBadFraming},
      {"an expectation", good({{"expect", "more"}}), Errc::kExpectationFailed},
      {"a long path",
       {{":method", "GET"},
        {":scheme", "http"},
        {":authority", "a"},
        {":path", "/" + std::string(9000, 'a')}},
       Errc::kUriTooLong},
      {"a large head", good({{"a", std::string(70'000, 'b')}}), Errc::kHeadTooLarge},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const Outcome out = read(c.lines);
    REQUIRE(out.error);
    CHECK(out.error->code == c.error);
  }
  Lines many = good();
  for (int i = 0; i < 101; ++i) many.emplace_back("a" + std::to_string(i), "b");
  CHECK(read(many).error == Error{Errc::kHeadTooLarge});
  // However large heads may be: http::Fields has no room for a longer name.
  const http::HeadLimits wide{.head_bytes = 1 << 20};
  CHECK(read(good({{std::string(65'536, 'a'), ""}}), true, wide).error ==
        Error{Errc::kHeadTooLarge});
  CHECK_FALSE(read(good({{std::string(65'535, 'a'), ""}}), true, wide).error);
}

TEST_CASE("Host alone is an authority, and beside one of the same name nothing") {
  CHECK(read({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "A:80"}})
            .head.authority == "a:80");
  CHECK_FALSE(read(good({{"host", "EXAMPLE.org"}})).error);
}
