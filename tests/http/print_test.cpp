#include "http/print.h"

#include <doctest/doctest.h>

#include <limits>

#include "http/outcome.h"

using namespace weir::http;

TEST_CASE("a request is printed with its fields as they are") {
  Request head;
  head.method = Method::kGet;
  head.target = "/x?y";
  head.version = kHttp10;
  head.fields.add("hOST", "a");
  head.fields.add("X", "");
  std::string out = "before|";
  print_request(head, out);
  CHECK(out == "before|GET /x?y HTTP/1.1\r\nhOST: a\r\nX: \r\n\r\n");
  head.method = Method::kOther;
  head.method_text = "BREW";
  head.fields.clear();
  out.clear();
  print_request(head, out);
  CHECK(out == "BREW /x?y HTTP/1.1\r\n\r\n");
}

TEST_CASE("a response is printed line by line") {
  std::string out;
  print_status_line(206, "Partial Content", out);
  print_status_line(299, "", out);
  Fields fields;
  print_fields(fields, out);
  fields.add("A", "b");
  print_fields(fields, out);
  print_field("Age", std::uint64_t{0}, out);
  print_field("N", std::numeric_limits<std::uint64_t>::max(), out);
  print_field("S", "text", out);
  CHECK(out ==
        "HTTP/1.1 206 Partial Content\r\nHTTP/1.1 299 \r\nA: b\r\nAge: 0\r\n"
        "N: 18446744073709551615\r\nS: text\r\n");
}

TEST_CASE("what is printed is parsed back the same") {
  const std::string_view text =
      "POST /a HTTP/1.1\r\nHost: b\r\nX-Y: \xe4, \"z\"\r\nContent-Length: 3\r\nX-Y:\r\n\r\n";
  RequestParser parser({});
  Request head;
  const auto step = parser.feed(text, head);
  REQUIRE(step);
  REQUIRE(step->complete);
  std::string out;
  print_request(head, out);
  CHECK(test::request_outcome(out, {}).starts_with(test::show(head)));
}
