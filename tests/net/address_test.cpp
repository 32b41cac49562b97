#include "net/address.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cstring>

using namespace weir::net;

TEST_CASE("host and port are split, and what is ambiguous is refused") {
  struct Row {
    const char* text;
    const char* host;  // null: refused
    int port;
  };
  const Row rows[] = {
      {"example.com:80", "example.com", 80},
      {"192.0.2.1:0", "192.0.2.1", 0},
      {"a:65535", "a", 65535},
      {"[2001:db8::1]:443", "2001:db8::1", 443},  // RFC 3986 §3.2.2
      {"a:65536", nullptr, 0},
      {"a:-1", nullptr, 0},
      {"a:+1", nullptr, 0},
      {"a: 1", nullptr, 0},
      {"a:", nullptr, 0},
      {"a", nullptr, 0},
      {"", nullptr, 0},
      {":80", nullptr, 0},
      {"2001:db8::1:80", nullptr, 0},
      {"[2001:db8::1]", nullptr, 0},
      {"[2001:db8::1:80", nullptr, 0},
      {"[name]:80", nullptr, 0},
      {"[]:80", nullptr, 0},
      {"[:80", nullptr, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto split = split_host_port(row.text);
    REQUIRE(split.has_value() == (row.host != nullptr));
    if (!split) continue;
    CHECK(split->host == row.host);
    CHECK(split->port == row.port);
  }
}

TEST_CASE("a literal address is parsed and prints as it was written") {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443", "[::]:80", "127.0.0.1:0", "*:80"}) {
    CAPTURE(text);
    const auto address = parse_address(text);
    REQUIRE(address);
    CHECK(address->text() == text);
  }
  for (const char* text : {"localhost:80", "192.0.2.256:80", "192.0.2.1", "[::1]", "*", "*:x"}) {
    CAPTURE(text);
    CHECK(!parse_address(text));
  }
}

TEST_CASE("a star or nothing before the port means both families, [::] only IPv6") {
  CHECK(parse_address("*:80")->dual_stack);
  CHECK(parse_address(":80")->dual_stack);
  CHECK(*parse_address("*:80") == *parse_address(":80"));
  CHECK(!parse_address("[::]:80")->dual_stack);
  CHECK(parse_address("*:80")->family() == AF_INET6);
}

TEST_CASE("addresses are equal by family, host and port") {
  CHECK(*parse_address("192.0.2.1:80") == *parse_address("192.0.2.1", 80));
  CHECK(*parse_address("192.0.2.1:80") != *parse_address("192.0.2.1:81"));
  CHECK(*parse_address("192.0.2.1:80") != *parse_address("192.0.2.2:80"));
  CHECK(*parse_address("[::1]:80") != *parse_address("[::2]:80"));
  CHECK(*parse_address("[::]:80") != *parse_address("0.0.0.0:80"));
}

TEST_CASE("an IPv4 address mapped into IPv6 becomes plain") {
  const Address mapped = *parse_address("[::ffff:192.0.2.7]:5");
  const Address plain = address_from(*mapped.raw(), mapped.length);
  CHECK(plain == *parse_address("192.0.2.7:5"));
}

TEST_CASE("an empty address and no socket have a text too") {
  CHECK(Address().text() == "unknown");
  CHECK(local_address(-1).text() == "unknown");
}

TEST_CASE("only loopback addresses are this machine's alone") {
  for (const char* text : {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1"}) {
    CAPTURE(std::string(text));
    CHECK(parse_address(text)->loopback());
  }
  for (const char* text :
       {"0.0.0.0:1", "*:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "[fe80::1]:1"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_address(text)->loopback());
  }
}
