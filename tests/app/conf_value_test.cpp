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
  CHECK(good(check_admin, "unix:/run/weir/admin.sock"));
  CHECK_FALSE(good(check_admin, "unix:admin.sock"));
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
  for (const char* text :
       {"app", "app:", "app:0", "app:70000", ":80", "*:80", "a b:80", "a..b:80", "-a:80",
        "http://app:80", "app:80/x", "2001:db8::1:80", "999.2.3.4:80", "1.2.3:80", "app.7:80"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(good(check_server, text));
  }
}

TEST_CASE("a server may have a weight and be a backup") {
  struct Row {
    std::string_view text;
    std::string_view address;
    std::uint32_t weight;
    bool backup;
    bool tls = false;
  };
  const Row rows[] = {
      {"a:1", "a:1", 1, false},
      {"http://a:1", "a:1", 1, false},
      {"http://a", "a:80", 1, false},
      {"https://a:1 backup", "a:1", 1, true, true},
      {"https://a.example weight=3", "a.example:443", 3, false, true},
      {"https://[::1]", "[::1]:443", 1, false, true},
      {"https://[::1]:1", "[::1]:1", 1, false, true},
      {"a:1 weight=3", "a:1", 3, false},
      {"[::1]:80  backup", "[::1]:80", 1, true},
      {"a:1 backup weight=1000", "a:1", 1000, true},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    ServerText parts;
    CHECK_FALSE(split_server(row.text, parts));
    CHECK(parts.address == row.address);
    CHECK(parts.weight == row.weight);
    CHECK(parts.backup == row.backup);
    CHECK(parts.tls == row.tls);
  }
  struct Bad {
    std::string text;
    std::string_view fault;
  };
  const Bad bad[] = {
      {"a:1 weigth=3", "unknown option \"weigth=3\": known are weight=N and backup"},
      {"a:1 Backup", "unknown option \"Backup\""},
      {"a:1 weight=0", "weight of 1 to 1000"},
      {"a:1 weight=1001", "weight of 1 to 1000"},
      {"a:1 weight=", "weight of 1 to 1000"},
      {"a:1 weight=-1", "weight of 1 to 1000"},
      {"a weight=3", "must be host:port"},
      {"https://a:1/", "must be host:port"},
      {"https://", "must be host:port"},
      {"ftp://a:1", "must be host:port"},
      {"", "must be host:port"},
  };
  for (const Bad& row : bad) {
    CAPTURE(row.text);
    std::string text = row.text;
    const Fault fault = check_server_text(text);
    REQUIRE(fault.has_value());
    CHECK(fault->find(row.fault) != fault->npos);
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
  for (const char* host : {"", "example.org:80", "*.", "a.*.org", "**", "[::1", "[x]", "a/b",
                           "1.2.3.400", "*.0.0.1"}) {
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
