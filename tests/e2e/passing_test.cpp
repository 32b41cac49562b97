// What is passed through: methods with bodies, responses that may not be stored, fields.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/content.h"
#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

bool is_reused(const Response& response) {
  return response.field("Cache-Status").find("; hit") != std::string::npos;
}

}  // namespace

TEST_CASE("Request bodies reach the origin whole, however they are framed") {
  const Origin origin;
  const Weir weir(origin);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{100'000}, std::size_t{20 * kMiB}}) {
    std::string body(size, '\0');
    fill_content(5, 0, body);
    for (const bool chunked : {false, true}) {
      CAPTURE(size);
      CAPTURE(chunked);
      const Response echoed =
          fetch(weir.port(),
                {.method = "POST", .target = "/echo?echo=body", .body = body, .chunked = chunked},
                {.content = 5});
      CAPTURE(echoed.summary());
      CHECK(echoed.status == 200);
      CHECK(echoed.right());
      CHECK(echoed.body_bytes == size);
      CHECK(!is_reused(echoed));
    }
  }
  CHECK(origin.count("total") == 8);
}

// RFC 9110 §6.5.1: trailers may be dropped, but never become fields of the head.
TEST_CASE("A chunked request body arrives chunk by chunk, without its trailers") {
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  client.send_in_pieces(
      "POST /c?echo=body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: "
      "X-Sum\r\n\r\n"
      "3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n",
      5, Millis(1));
  CHECK(client.receive().body == "abcd");
  const auto last = origin.counts().at("last_request");
  CHECK(last.at("body_bytes") == 4);
  CHECK(last.at("trailers").empty());
  CHECK(!origin.last_field("X-Sum"));
  CHECK(client.exchange({.target = "/c?size=4&n=1"}, {.content = 1}).right());
}

TEST_CASE("A chunked response arrives without its trailers, on a miss and on a hit") {
  const Origin origin;
  const Weir weir(origin);
  for (int i = 0; i < 2; ++i) {
    const Response response =
        get(weir.port(), "/t?chunked=1&trailers=1&size=10&n=1&cc=max-age=60", {.content = 1});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(!response.has("X-Trailer"));
    CHECK(response.trailers.empty());
    CHECK(is_reused(response) == (i == 1));
  }
}

TEST_CASE("Expect: 100-continue is answered before the body comes") {
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  client.send(
      "PUT /e?echo=body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive_interim(Millis(5000)).status == 100);
  client.send("hello");
  const Response response = client.receive();
  CHECK(response.status == 200);
  CHECK(response.body == "hello");
}

TEST_CASE("What may not be stored is passed every time") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* script : {"cc=no-store", "cc=private,%20max-age=60", "cc=max-age=60&vary=*",
                             "cc=max-age=0,%20must-revalidate&etag=none&lm=none"}) {
    const std::string target = std::string("/u?n=1&size=100KiB&") + script;
    CAPTURE(target);
    for (int i = 0; i < 3; ++i) {
      const Response response = get(weir.port(), target, {.content = 1});
      CAPTURE(response.summary());
      CHECK(response.right());
      CHECK(!is_reused(response));
    }
    CHECK(origin.requests(target) == 3);
  }
  const std::vector<Field> secret{{"Authorization", "Basic eDp5"}};
  for (int i = 0; i < 2; ++i) {  // RFC 9111 §3.5
    CHECK(get(weir.port(), "/a?n=1&size=9&cc=max-age=60", {.content = 1}, secret).right());
  }
  CHECK(origin.requests("/a?n=1&size=9&cc=max-age=60") == 2);
}

TEST_CASE("A large response that may not be stored reaches even a slow client whole") {
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port(), {.receive_buffer = 65536});
  client.send(Request{.target = "/t?n=1&size=60MiB&cc=no-store"});
  Response response = client.receive_head();
  client.receive_body(response, {.content = 1, .rate = kMiB, .stop_at = kMiB / 2, .keep = 0});
  client.receive_body(response, {.content = 1, .keep = 0});
  CAPTURE(response.summary());
  CHECK(response.right());
}

TEST_CASE("Statuses of the origin pass through") {
  const Origin origin;
  const Weir weir(origin);
  for (const int status : {201, 204, 301, 404, 410, 500, 503}) {
    const Response response = get(weir.port(), "/s?cc=no-store&status=" + std::to_string(status));
    CAPTURE(response.summary());
    CHECK(response.status == status);
    CHECK(response.complete());
  }
}

TEST_CASE("Fields of one connection stay on it, all others pass") {
  const Origin origin;
  const Weir weir(origin);
  // RFC 9110 §7.6.1
  const Response response =
      get(weir.port(),
          "/h?size=1&cc=no-store&field=X-Pass:1&field=X-Drop:1&field=Connection:X-Drop", {},
          {{"Connection", "X-Mine"},
           {"X-Mine", "1"},
           {"Keep-Alive", "timeout=5"},
           {"X-Other", "a, b"},
           {"TE", "trailers"},
           {"Proxy-Connection", "keep-alive"}});
  CHECK(response.field("X-Pass") == "1");
  CHECK(!response.has("X-Drop"));
  CHECK(response.has("Via"));
  CHECK(!origin.last_field("X-Mine"));
  CHECK(!origin.last_field("Keep-Alive"));
  CHECK(!origin.last_field("Proxy-Connection"));
  CHECK(origin.last_field("X-Other") == "a, b");
  CHECK(origin.last_field("Via").has_value());
  CHECK(origin.last_field("X-Forwarded-For") == "127.0.0.1");
  CHECK(origin.last_field("Host") == "test.example");
}

TEST_CASE("The origin is asked as the conf says: from which address, for which host") {
  const Origin origin;
  const Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"" +
                  origin.address() +
                  "\"]\nlocal_address = \"127.0.0.77\"\nhost = \"inner.example:8080\"\n");
  CHECK(get(weir.port(), "/h?size=1&n=1", {.content = 1}).right());
  CHECK(origin.counts().at("last_peer") == "127.0.0.77");
  CHECK(origin.last_field("Host") == "inner.example:8080");
  CHECK(origin.last_field("X-Forwarded-Host") == "test.example");
  CHECK(origin.last_field("X-Forwarded-Proto") == "http");
}

TEST_CASE("A target in absolute form is the same object as in origin form") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/abs?n=1&size=10&cc=max-age=60";
  const std::vector<Field> host{{"Host", "test.example"}};
  CHECK(get(weir.port(), "http://test.example" + target, {.content = 1}, host).right());
  CHECK(is_reused(get(weir.port(), target, {.content = 1}, host)));
  CHECK(origin.count("total") == 1);
}

}  // namespace weir::test
