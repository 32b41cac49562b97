#include "policy/invalidation.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

using Uris = std::vector<std::string>;

constexpr std::string_view kUri = "http://example.org/b/c/d?q";

TEST_CASE("only an answer that is no error invalidates") {  // RFC 9111 §4.4
  for (const int status : {200, 201, 204, 206, 301, 303, 304, 399}) CHECK(invalidates(status));
  for (const int status : {100, 103, 199, 400, 404, 409, 500, 503})
    CHECK_FALSE(invalidates(status));
}

TEST_CASE("Location and Content-Location are resolved as RFC 3986 says") {
  struct Row {
    const char *section, *location, *uri;
  };
  for (const Row& row : {
           Row{"5.4.1", "g", "http://example.org/b/c/g"},
           Row{"5.4.1", "./g", "http://example.org/b/c/g"},
           Row{"5.4.1", "g/", "http://example.org/b/c/g/"},
           Row{"5.4.1", "/g", "http://example.org/g"},
           Row{"5.4.1", "?y", "http://example.org/b/c/d?y"},
           Row{"5.4.1", "g?y", "http://example.org/b/c/g?y"},
           Row{"5.4.1", "g#s", "http://example.org/b/c/g"},
           Row{"5.4.1", ".", "http://example.org/b/c/"},
           Row{"5.4.1", "..", "http://example.org/b/"},
           Row{"5.4.1", "../g", "http://example.org/b/g"},
           Row{"5.4.1", "../../g", "http://example.org/g"},
           Row{"5.4.2", "../../../g", "http://example.org/g"},
           Row{"5.4.2", "/./g", "http://example.org/g"},
           Row{"5.4.2", "/../g", "http://example.org/g"},
           Row{"5.4.2", "g..", "http://example.org/b/c/g.."},
           Row{"5.4.2", "./g/.", "http://example.org/b/c/g/"},
           Row{"5.4.2", "g?y/../x", "http://example.org/b/c/g?y/../x"},
           Row{"4.2", "//example.org/g", "http://example.org/g"},
           Row{"6.2.2.1", "HTTP://EXAMPLE.org:80/G", "http://example.org/G"},
           Row{"6.2.3", "http://example.org", "http://example.org/"},
           Row{"6.2.3", "http://example.org?y", "http://example.org/?y"},
       }) {
    CAPTURE(row.location);
    CHECK(also_invalidated(kUri, response(201, {{"Location", row.location}})) == Uris{row.uri});
    CHECK(also_invalidated(kUri, response(201, {{"Content-Location", row.location}})) ==
          Uris{row.uri});
  }
}

TEST_CASE("what belongs to another origin, or is no URI of ours, is left alone") {
  for (const char* location :
       {"http://evil.example/g", "https://example.org/g", "//example.org:8080/g", "http:g",
        "http://example.org:81/g", "http://u@example.org/g", "mailto:a@example.org", "", "d?q",
        "#x", "http://example.org/b/c/d?q"}) {
    CAPTURE(location);
    CHECK(also_invalidated(kUri, response(201, {{"Location", location}})).empty());
  }
  CHECK(also_invalidated(kUri, response(201, {{"Location", "a"}, {"Location", "b"}})).empty());
  CHECK(also_invalidated(kUri, response(201, {})).empty());
}

TEST_CASE("Content-Location may say that the response is what its URI has") {  // RFC 9110 §8.7
  for (const char* same : {"http://example.org/b/c/d?q", "d?q", "/b/c/d?q", "/b/c/d?q#x",
                           "//EXAMPLE.org:80/b/c/d?q", "", "?q", "../c/d?q"}) {
    CAPTURE(same);
    CHECK(content_location_is(kUri, response(200, {{"Content-Location", same}})));
    CHECK_FALSE(content_location_is(kUri, response(200, {{"Location", same}})));
  }
  for (const char* other : {"d", "/b/c/d", "https://example.org/b/c/d?q", "d?q&r"}) {
    CAPTURE(other);
    CHECK_FALSE(content_location_is(kUri, response(200, {{"Content-Location", other}})));
  }
  CHECK_FALSE(content_location_is(kUri, response(200, {})));
}

TEST_CASE("each URI is named once") {
  CHECK(also_invalidated(kUri, response(201, {{"Location", "/g"}, {"Content-Location", "/g"}})) ==
        Uris{"http://example.org/g"});
  CHECK(also_invalidated(kUri, response(201, {{"Location", "/g"}, {"Content-Location", "h"}})) ==
        Uris{"http://example.org/g", "http://example.org/b/c/h"});
}

}  // namespace
}  // namespace weir::policy
