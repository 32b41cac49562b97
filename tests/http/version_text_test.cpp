#include "http/version_text.h"

#include <doctest/doctest.h>

using namespace weir::http;

TEST_CASE("a version is matched with what must follow it") {
  const struct {
    std::string_view text;
    std::optional<Version> version;
  } cases[] = {
      {"HTTP/1.1 ", kHttp11},      {"HTTP/1.0 ", kHttp10},
      {"HTTP/1.9 ", kHttp11},  // RFC 9110 §2.5
      {"HTTP/2.0 ", std::nullopt}, {"HTTP/0.9 ", std::nullopt},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    VersionText version("HTTP/0.0 ");
    CHECK(version.feed(c.text) == c.text.size());
    REQUIRE(version.complete());
    CHECK(version.version() == c.version);
    version.reset();
    CHECK_FALSE(version.complete());
    CHECK(version.feed("HTTP/1.0 200") == 9);
    CHECK(version.version() == kHttp10);
  }
}

TEST_CASE("anything else is refused at the byte that does not fit") {
  for (std::string_view text : {"x", "http/1.1 ", "HTTP/1 ", "HTTP/1,1 ", "HTTP/11.1 ",
                                "HTTP/1.10 ", "HTTP/1.1\t", "HTTP /1.1"}) {
    CAPTURE(text);
    VersionText version("HTTP/0.0 ");
    CHECK_FALSE(version.feed(text));
  }
}
