// The hit path must not allocate: this program counts what operator new is asked for.

#include <doctest/doctest.h>

#include <string>

#include "http/parser.h"
#include "http/print.h"
#include "support/allocations.h"

using namespace weir::http;

TEST_CASE("a warm connection parses and prints without allocating") {
  const std::string_view input =
      "GET /a/target/longer/than/the/small/string HTTP/1.1\r\nHost: "
      "a-host-name.example.com:8080\r\n"
      "User-Agent: something or other\r\nAccept: */*\r\nX-Unknown: 1\r\nConnection: "
      "keep-alive\r\n\r\n";
  RequestParser parser({});
  Request head;
  std::string out;
  const auto serve = [&](std::size_t cut) {
    parser.reset();
    if (cut > 0) REQUIRE_FALSE(parser.feed(input.substr(0, cut), head)->complete);
    REQUIRE(parser.feed(input.substr(cut), head)->complete);
    out.clear();
    print_status_line(200, "OK", out);
    print_fields(head.fields, out);
    print_field("Age", 5, out);
  };
  const std::size_t cuts[] = {0, 60, 110};
  for (std::size_t cut : cuts) serve(cut);
  const std::size_t before = weir::test::allocations();
  for (std::size_t cut : cuts) serve(cut);
  CHECK(weir::test::allocations() == before);
}
