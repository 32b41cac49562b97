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
    {"0\r\n\r\n", "'' /5"},
    {"0\r\n\r\nGET", "'' /5"},
    {"5\r\nhello\r\n0\r\n\r\n", "'hello' /15"},
    {"5\r\nhello\r\n00A\r\n0123456789\r\n000\r\n\r\n", "'hello0123456789' /34"},
    {"a\r\n0123456789\r\n0\r\n\r\n", "'0123456789' /20"},
    {"2\r\n\r\n\r\n0\r\n\r\n", "'\r\n' /12"},
    {"0000000000000001\r\nx\r\n0\r\n\r\n", "'x' /26"},
    {"5\r\nhel", "more"},
    // Extensions, RFC 9112 §7.1.1
    {"1;a\r\nx\r\n0\r\n\r\n", "'x' /13"},
    {"1;a=b;c=\"d;\\\"\r\"\r\n", "!bad_framing after ''"},
    {"1 ; a = b\t; c = \"d ,;\\\"=\" ;e\r\nx\r\n0;f\r\n\r\n", "'x' /40"},
    {"1 \r\nx", "!bad_framing after ''"},
    {"1;\r\nx", "!bad_framing after ''"},
    {"1;a \r\nx", "!bad_framing after ''"},
    {"1;a=\r\nx", "!bad_framing after ''"},
    {"1;=b\r\nx", "!bad_framing after ''"},
    {"1;a=b c\r\nx", "!bad_framing after ''"},
    {"1;a=\"b\"c\r\nx", "!bad_framing after ''"},
    {"1;a=\"b\r\nx", "!bad_framing after ''"},
    {"1;a\nx", "!bad_framing after ''"},
    {"1;a\x01\r\nx", "!bad_framing after ''"},
    {"1 a\r\nx", "!bad_framing after ''"},
    // Sizes
    {"\r\n", "!bad_framing after ''"},
    {" 1\r\nx", "!bad_framing after ''"},
    {"g\r\n", "!bad_framing after ''"},
    {"0x1\r\nx", "!bad_framing after ''"},
    {"-1\r\nx", "!bad_framing after ''"},
    {"+1\r\nx", "!bad_framing after ''"},
    {";a\r\n", "!bad_framing after ''"},
    {"00000000000000001\r\nx", "!bad_framing after ''"},
    {"8000000000000000\r\nx", "!bad_framing after ''"},
    {"FFFFFFFFFFFFFFFF\r\nx", "!bad_framing after ''"},
    {"10000000000000000\r\nx", "!bad_framing after ''"},
    {"7fffffffffffffff\r\nx", "more"},
    // Line ends
    {"1\nx", "!bad_framing after ''"},
    {"1\r\rx", "!bad_framing after ''"},
    {"1\rx", "!bad_framing after ''"},
    {"1\r\nx\n0", "!bad_framing after 'x'"},
    {"1\r\nx\rx", "!bad_framing after 'x'"},
    {"1\r\nxy\r\n", "!bad_framing after 'x'"},
    {"1\r\nx0\r\n\r\n", "!bad_framing after 'x'"},
    {"0\r\n\n", "!bad_framing after ''"},
    {"0\r\n\rx", "!bad_framing after ''"},
    {"0\n\r\n", "!bad_framing after ''"},
    // Trailers, RFC 9112 §7.1.2 and RFC 9110 §6.5.1
    {"0\r\nA: b\r\nC: d\r\n\r\nX", "''[A=b][C=d] /17"},
    {"0\r\nContent-Length: 5\r\nA: b\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
     "''[A=b] /67"},
    {"0\r\nContent-Length: 5\r\nA: b\r\nHost: x\r\n\r\n", "''[A=b] /39"},
    {"0\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\nVary: *\r\nA: b\r\n\r\n", "''[A=b] /63"},
    {"0\r\nETag: \"x\"\r\nServer: s\r\n\r\n", "''[ETag=\"x\"][Server=s] /27"},
    {"0\r\nA: b\r\n c\r\n\r\n", "!bad_framing after ''"},
    {"0\r\nA : b\r\n\r\n", "!bad_framing after ''"},
    {"0\r\nA: b\n\r\n", "!bad_framing after ''"},
};

std::string outcome(std::string_view input, const HeadLimits& limits = {}) {
  return test::outcome_of_all_cuts(input, [&](std::string_view in, const test::Cuts& cuts) {
    return test::chunked_outcome(in, cuts, limits);
  });
}

}  // namespace

TEST_CASE("chunked bodies are decoded or refused, whole or cut anywhere") {
  for (const auto& c : kCases) {
    CAPTURE(c.input);
    CHECK(outcome(c.input) == c.expected);
  }
}

TEST_CASE("extensions are bounded over the whole body") {
  const auto body = [](std::size_t chunks, std::size_t extension) {
    std::string text;
    for (std::size_t i = 0; i < chunks; ++i)
      text += "1;" + std::string(extension, 'e') + "\r\nx\r\n";
    return text + "0\r\n\r\n";
  };
  CHECK(outcome(body(1, 4000)).starts_with("'x'"));
  CHECK(outcome(body(1, 4100)) == "!bad_framing after ''");
  CHECK(outcome(body(4, 1000)).starts_with("'xxxx'"));
  CHECK(outcome(body(5, 1000)) == "!bad_framing after 'xxxx'");
}

TEST_CASE("trailers are bounded in number and size") {
  const HeadLimits limits{.head_bytes = 20, .target_bytes = 1, .fields = 2};
  CHECK(outcome("0\r\nA: 1\r\nB: 2\r\n\r\n", limits) == "''[A=1][B=2] /17");
  CHECK(outcome("0\r\nA:\r\nB:\r\nC:\r\n\r\n", limits) == "!bad_framing after ''");
  CHECK(outcome("0\r\nA: 3456789012345678", limits) == "more");
  CHECK(outcome("0\r\nA: 34567890123456789", limits) == "!bad_framing after ''");
}

TEST_CASE("data is handed on as a view of the input, as soon as it comes") {
  ChunkedDecoder decoder({});
  const std::string_view input = "5\r\nhello\r\n0\r\n\r\n";
  auto step = decoder.feed(input.substr(0, 5));
  REQUIRE(step);
  CHECK(step->used == 5);
  CHECK(step->data.data() == input.data() + 3);
  CHECK(step->data == "he");
  CHECK_FALSE(step->end);
  step = decoder.feed(input.substr(5));
  REQUIRE(step);
  CHECK(step->data == "llo");
  step = decoder.feed(input.substr(8));
  REQUIRE(step);
  CHECK(step->end);
  CHECK(step->used == 7);
}

TEST_CASE("a decoder can be moved and reset between bodies") {
  ChunkedDecoder first({});
  REQUIRE(first.feed("0\r\nA: b"));
  ChunkedDecoder second = std::move(first);
  auto step = second.feed("c\r\n\r\n");
  REQUIRE(step);
  CHECK(step->end);
  CHECK(test::show(second.trailers()) == "[A=bc]");
  step = second.feed("more");
  REQUIRE(step);
  CHECK(step->end);
  CHECK(step->used == 0);
  second.reset();
  step = second.feed("0\r\n\r\n");
  REQUIRE(step);
  CHECK(step->end);
  CHECK(second.trailers().empty());
}
