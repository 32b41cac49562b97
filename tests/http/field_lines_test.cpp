#include "http/field_lines.h"

#include <doctest/doctest.h>

#include <string>

#include "http/outcome.h"

using namespace weir;
using namespace weir::http;

namespace {

std::string outcome(std::string_view input, const test::Cuts& cuts,
                    LengthLines length_lines = LengthLines::kOne) {
  FieldLines lines(3, length_lines);
  Fields fields;
  std::size_t used = 0;
  return test::feed_pieces(input, cuts, [&](std::string_view piece) -> std::string {
    const auto step = lines.feed(piece, fields);
    if (!step) return test::show(step.error());
    used += step->used;
    return step->complete ? fmt::format("{} /{}", test::show(fields), used) : "";
  });
}

const struct {
  std::string_view input, expected;
} kCases[] = {
    {"\r\n", " /2"},
    {"\r\nA: b\r\n\r\n", " /2"},
    {"A: b\r\n\r\nbody", "[A=b] /8"},
    {"A:b\r\nC: \t d e \t\r\nF:\r\n\r\n", "[A=b][C=d e][F=] /23"},
    {"A: b\xe4\tc\r\n\r\n", "[A=b\xe4\tc] /11"},
    {"!#$%&'*+-.^_`|~09: x\r\n\r\n", "[!#$%&'*+-.^_`|~09=x] /24"},
    {"A: b\r\n", "more"},
    {"A: b\r\n\r", "more"},
    {"A: 1\r\nB: 2\r\nC: 3\r\n\r\n", "[A=1][B=2][C=3] /20"},
    {"A: 1\r\nB: 2\r\nC: 3\r\nD:", "!head_too_large"},
    // Line ends, RFC 9112 §2.2
    {"\n", "!bad_request"},
    {"\r\r\n", "!bad_request"},
    {"A: b\n\r\n", "!bad_request"},
    {"A: b\r\n\n", "!bad_request"},
    {"A: b\r\n\rX", "!bad_request"},
    {"A: b\n\n", "!bad_request"},
    {"A: b\rC: d\r\n\r\n", "!bad_request"},
    {"A:\rb: c\r\n\r\n", "!bad_request"},
    {"A:\nb: c\r\n\r\n", "!bad_request"},
    {"A: b\r\r\n\r\n", "!bad_request"},
    {"A\r\n: b\r\n\r\n", "!bad_request"},
    // obs-fold, RFC 9112 §5.2
    {"A: b\r\n c\r\n\r\n", "!bad_request"},
    {"A: b\r\n\tc\r\n\r\n", "!bad_request"},
    {"A:\r\n b\r\n\r\n", "!bad_request"},
    {"A: b\r\n \r\n\r\n", "!bad_request"},
    {" A: b\r\n\r\n", "!bad_request"},
    {"Content-Length:\r\n 5\r\n\r\n", "!bad_request"},
    {"Transfer-Encoding: chunked\r\n , gzip\r\n\r\n", "!bad_request"},
    // Names, RFC 9112 §5.1
    {"A : b\r\n\r\n", "!bad_request"},
    {"A\t: b\r\n\r\n", "!bad_request"},
    {": b\r\n\r\n", "!bad_request"},
    {"A: b\r\n:\r\n\r\n", "!bad_request"},
    {"A\r\n\r\n", "!bad_request"},
    {"A b: c\r\n\r\n", "!bad_request"},
    {"A(b): c\r\n\r\n", "!bad_request"},
    {"A\x80: c\r\n\r\n", "!bad_request"},
    {"A\x01: c\r\n\r\n", "!bad_request"},
    {"\"A\": c\r\n\r\n", "!bad_request"},
    // Values, RFC 9110 §5.5
    {"A: b\x01\r\n\r\n", "!bad_request"},
    {"A: \x1f\r\n\r\n", "!bad_request"},
    {"A: \x7f\r\n\r\n", "!bad_request"},
    {"A: b\x0b\r\n\r\n", "!bad_request"},
    {std::string_view("A: b\0c\r\n\r\n", 10), "!bad_request"},
    {std::string_view("A\0: b\r\n\r\n", 9), "!bad_request"},
    {"Connection: close\x01\r\n\r\n", "!bad_request"},
    {"Connection: \x01\r\n\r\n", "!bad_request"},
    {"Transfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     "!bad_request"},
    // What llhttp itself knows of framing
    {"Content-Length: 5\r\n\r\n", "[Content-Length=5] /21"},
    {"Content-Length: 5 \r\n\r\n", "[Content-Length=5] /22"},
    {"Content-Length: 5, 5\r\n\r\n", "!bad_framing"},
    {"Content-Length: \r\n\r\n", "!bad_framing"},
    {"Content-Length: -1\r\n\r\n", "!bad_framing"},
    {"Content-Length: 99999999999999999999\r\n\r\n", "!bad_framing"},
    {"Transfer-Encoding: chunked, gzip\r\n\r\n", "!bad_framing"},
    {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "!bad_framing"},
    {"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
     "[Upgrade=websocket][Connection=upgrade] /43"},
};

}  // namespace

TEST_CASE("field lines are read strictly, whole or cut anywhere") {
  for (const auto& c : kCases) {
    CAPTURE(c.input);
    CHECK(test::outcome_of_all_cuts(c.input, [](std::string_view input, const test::Cuts& cuts) {
            return outcome(input, cuts);
          }) == c.expected);
  }
}

TEST_CASE("repeated lengths pass only where they are judged later") {
  const std::string input = "Content-Length: 12345678901\r\nContent-Length: 12345678901\r\n\r\n";
  CHECK(outcome(input, {}) == "!bad_framing");
  CHECK(outcome(input, {}, LengthLines::kMany) ==
        "[Content-Length=12345678901][Content-Length=12345678901] /60");
}

TEST_CASE("a long value that comes in pieces is whole") {
  const std::string value(20000, 'v');
  const std::string input = "A: " + value + "\r\n\r\n";
  CHECK(outcome(input, {1, 2, 3, 10000, 20000, 20003, 20004, 20005}) ==
        fmt::format("[A={}] /{}", value, input.size()));
}

TEST_CASE("a reset forgets the line that was being read") {
  FieldLines lines(3, LengthLines::kOne);
  Fields fields;
  REQUIRE(lines.feed("A: b", fields));
  lines.reset();
  fields.clear();
  const auto step = lines.feed("C: d\r\n\r\n", fields);
  REQUIRE(step);
  CHECK(step->complete);
  CHECK(test::show(fields) == "[C=d]");
}
