#include "http/syntax.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace weir::http;

TEST_CASE("the character classes are those of the RFCs") {
  const std::string_view separators = "\"(),/:;<=>?@[\\]{} \t";
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    const auto byte = static_cast<char>(c);
    const bool visible = c > 0x20 && c < 0x7f;
    CHECK(is_char(byte, kTokenChar) ==
          (visible && separators.find(byte) == std::string_view::npos));
    CHECK(is_char(byte, kTargetChar) == (visible && byte != '#'));
    CHECK(is_char(byte, kTextChar) == (visible || byte == ' ' || byte == '\t' || c >= 0x80));
    CHECK(is_char(byte, kHostChar) == ((c < 0x80 && std::isalnum(c)) || byte == '-' ||
                                       byte == '.' || byte == '_' || byte == '~'));
  }
}

TEST_CASE("a token is not empty and holds only token characters") {
  CHECK(is_token("a-b"));
  CHECK_FALSE(is_token(""));
  CHECK_FALSE(is_token("a b"));
}

TEST_CASE("blanks around a text are cut off") {
  CHECK(trim(" \ta b\t ") == "a b");
  CHECK(trim(" \t ").empty());
  CHECK(trim("").empty());
}

TEST_CASE("decimal numbers saturate and never overflow") {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  CHECK(parse_decimal("0", kMax) == 0);
  CHECK(parse_decimal("007", kMax) == 7);
  CHECK(parse_decimal("18446744073709551614", kMax) == kMax - 1);
  CHECK(parse_decimal("18446744073709551615", kMax) == kMax);
  CHECK(parse_decimal("18446744073709551616", kMax) == kMax);
  CHECK(parse_decimal(std::string(100, '9'), kMax) == kMax);
  CHECK(parse_decimal("100000000000000000000000000000000000000000", kMax) == kMax);
  CHECK(parse_decimal("12", 11) == 11);
  CHECK(parse_decimal("5", 3) == 3);
  CHECK(parse_decimal("99", 99) == 99);
  for (std::string_view bad : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1a"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_decimal(bad, kMax));
  }
}
