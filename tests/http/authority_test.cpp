#include "http/authority.h"

#include <doctest/doctest.h>

using namespace weir::http;

TEST_CASE("valid authorities are lower-cased") {
  const struct {
    std::string_view text, expected;
  } cases[] = {
      {"a", "a"},
      {"Example.COM", "example.com"},
      {"example.com.", "example.com."},
      {"a_b-c~1", "a_b-c~1"},
      {"127.0.0.1:80", "127.0.0.1:80"},
      {"A:65535", "a:65535"},
      {"a:0", "a:0"},
      {"a:", "a"},  // RFC 3986 §6.2.3
      {"[::1]", "[::1]"},
      {"[::1]:", "[::1]"},
      {"[2001:DB8::1]:8080", "[2001:db8::1]:8080"},
      {"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    std::string out;
    CHECK(parse_authority(c.text, Port::kOptional, out));
    CHECK(out == c.expected);
  }
}

TEST_CASE("everything else is no authority") {
  for (std::string_view text : {"",
                                ":",
                                ":80",
                                "a:b",
                                "a:-1",
                                "a:+1",
                                "a: 80",
                                "a:65536",
                                "a:000080",
                                "a:80:80",
                                "u@a",
                                "u:p@a",
                                "a/",
                                "a/b",
                                "a?b",
                                "a#b",
                                "a b",
                                "a,b",
                                "a%41",
                                "a;b",
                                "a\\b",
                                "\"a\"",
                                "<a>",
                                "::1",
                                "[",
                                "[]",
                                "[::1",
                                "::1]",
                                "[::1]a",
                                "[::1]80",
                                "[::1]:x",
                                "[1.2.3.4]",
                                "[g::]",
                                "[fe80::1%25eth0]",
                                "[fe80::1%eth0]",
                                "[v1.a]",
                                "[[::1]]",
                                "[::1]]",
                                "a\x80",
                                "a\x7f",
                                "[0:0:0:0:0:0:0:0:0]",
                                "[00000000000000000000000000000000000000000000000000]"}) {
    CAPTURE(text);
    std::string out;
    CHECK_FALSE(parse_authority(text, Port::kOptional, out));
  }
  std::string out;
  CHECK_FALSE(parse_authority(std::string_view("a\0b", 3), Port::kOptional, out));
  CHECK_FALSE(parse_authority(std::string_view("[::1\0]", 6), Port::kOptional, out));
}

TEST_CASE("authority-form needs a port") {
  std::string out;
  CHECK(parse_authority("a:443", Port::kRequired, out));
  CHECK_FALSE(parse_authority("a", Port::kRequired, out));
  CHECK_FALSE(parse_authority("a:", Port::kRequired, out));
  CHECK_FALSE(parse_authority("[::1]", Port::kRequired, out));
}

TEST_CASE("a port that the scheme implies is no part of the host") {
  CHECK(without_default_port("http", "a:80") == "a");
  CHECK(without_default_port("http", "[::1]:80") == "[::1]");
  CHECK(without_default_port("http", "a:8080") == "a:8080");
  CHECK(without_default_port("http", "a:443") == "a:443");
  CHECK(without_default_port("https", "a:443") == "a");
  CHECK(without_default_port("http", "") == "");
}
