#include "app/conf_value.h"

#include <doctest/doctest.h>

namespace weir::app {
namespace {

bool good(Fault (*check)(std::string&), std::string text) { return !check(text).has_value(); }

TEST_CASE("listen addresses are IP addresses with a port") {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:80", "[2001:db8::1]:65535"}) {
    CAPTURE(std::string(text));
    CHECK(good(check_address, text));
  }
  for (const char* text : {"", "127.0.0.1", "8080", "localhost:80", "127.0.0.1:65536", "[::1]",
                           "::1:80:", "127.0.0.1:80 ", "1.2.3:80"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(good(check_address, text));
  }
}

TEST_CASE("the admin address is an address or off") {
  CHECK(good(check_admin, "off"));
  CHECK(good(check_admin, "[::1]:6180"));
  CHECK_FALSE(good(check_admin, "on"));
  CHECK_FALSE(good(check_admin, "localhost:6180"));
  CHECK_FALSE(good(check_admin, ""));
}

TEST_CASE("servers are host:port") {
  for (const char* text :
       {"10.0.0.1:9000", "[2001:db8::1]:9000", "app:80", "a-b.example_1.org:1"}) {
    CAPTURE(std::string(text));
    CHECK(good(check_server, text));
  }
  for (const char* text : {"app", "app:", "app:0", "app:70000", ":80", "*:80", "a b:80", "a..b:80",
                           "-a:80", "http://app:80", "app:80/x", "2001:db8::1:80"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(good(check_server, text));
  }
}

TEST_CASE("host patterns have no port and end up in lower case") {
  std::string text = "*.Example.ORG";
  CHECK_FALSE(check_host(text));
  CHECK(text == "*.example.org");
  for (const char* host : {"*", "example.org", "localhost", "10.0.0.1", "[::1]"}) {
    CAPTURE(std::string(host));
    CHECK(good(check_host, host));
  }
  for (const char* host : {"", "example.org:80", "*.", "a.*.org", "**", "[::1", "[x]", "a/b"}) {
    CAPTURE(std::string(host));
    CHECK_FALSE(good(check_host, host));
  }
}

TEST_CASE("names are plain words") {
  CHECK(good(check_name, "main-2_b.c"));
  CHECK_FALSE(good(check_name, ""));
  CHECK_FALSE(good(check_name, "a b"));
  CHECK_FALSE(good(check_name, std::string(65, 'a')));
}

}  // namespace
}  // namespace weir::app
