// Which responses are kept and reused, by whom, and what of them reaches the client.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

TEST_CASE("A validated response has one Age, and it grows") {  // RFC 9111 §5.1
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/age?n=1&size=9&age=5&cc=max-age=5,%20stale-while-revalidate=0";
  REQUIRE(get(weir.port(), target, {.content = 1}).right());
  for (int i = 0; i < 2; ++i) {  // stale when it comes: each is validated
    const Response response = get(weir.port(), target, {.content = 1});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.count("Age") == 1);
    CHECK(response.field("Age") >= "5");
  }
  CHECK(origin.count("not_modified") == 2);
}

TEST_CASE("Interim responses lose the fields of the origin's connection") {  // RFC 9110 §7.6.1
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  client.send(Request{.target = "/e?n=1&size=9&early_status=103&early_field=Link:%3C/a%3E"
                                "&early_field=Connection:X-Hop&early_field=X-Hop:1"
                                "&early_field=Keep-Alive:timeout%3D5&early_field=Trailer:X"
                                "&early_field=Content-Length:7"});
  const Response early = client.receive_interim();
  REQUIRE(early.status == 103);
  CHECK(early.field("Link") == "</a>");
  for (const char* name : {"Connection", "X-Hop", "Keep-Alive", "Trailer", "Content-Length"}) {
    CAPTURE(name);
    CHECK(!early.has(name));
  }
  CHECK(client.receive({.content = 1}).right());
}

TEST_CASE("A host with its default port is the same object and the same Host to the origin") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/port?n=1&size=9&cc=max-age=60";
  CHECK(get(weir.port(), target, {.content = 1}, {{"Host", "test.example:80"}}).right());
  CHECK(origin.last_field("Host") == "test.example");
  CHECK(origin.last_field("X-Forwarded-Host") == "test.example");
  CHECK(get(weir.port(), target, {.content = 1}, {{"Host", "test.example"}}).right());
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("An OPTIONS that may go no further is answered here") {  // RFC 9110 §7.6.2
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  Request request{.method = "OPTIONS", .target = "/o?n=1&size=0"};
  request.fields = {{"Max-Forwards", "0"}};
  Response response = client.exchange(request);
  CHECK(response.status == 200);
  CHECK(response.complete());
  CHECK(response.field("Content-Length") == "0");
  CHECK(response.has("Date"));
  CHECK(origin.count("total") == 0);
  request.fields = {{"Max-Forwards", "2"}};
  response = client.exchange(request);
  CHECK(response.status == 200);
  CHECK(origin.count("total") == 1);
  CHECK(origin.last_field("Max-Forwards") == "1");
}

}  // namespace weir::test
