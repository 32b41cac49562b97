// An origin that is down, silent, or cuts: every client sees that something is wrong, and nothing
// that is not whole is kept as whole.

#include <doctest/doctest.h>

#include <string>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// Without a validator a cut response cannot be resumed.
constexpr const char* kNoResume = "&etag=none&lm=none&ranges=0&cc=max-age=600";

bool names(const Response& response, const char* reason) {
  return response.body.find(reason) != std::string::npos ||
         response.field("Cache-Status").find(reason) != std::string::npos;
}

std::string conf(const std::string& servers, const char* more) {
  return "listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"" + servers +
         "\"]\n" + more;
}

}  // namespace

TEST_CASE("An origin that is down is a 502 that says so, and no longer once it is up") {
  const std::uint16_t port = free_port();
  const Weir weir(conf("127.0.0.1:" + std::to_string(port), ""));
  const std::string target = "/down?n=1&size=10&cc=max-age=600";
  Client client(weir.port());
  for (int i = 0; i < 2; ++i) {
    const Response response = client.exchange({.target = target});
    CAPTURE(response.summary());
    CHECK(response.status == 502);
    CHECK(response.complete());
    CHECK(names(response, "connect_refused"));
  }
  const Origin origin(port);
  CHECK(eventually([&] { return get(weir.port(), target, {.content = 1}).right(); }));
}

TEST_CASE("An origin that does not answer in time is a 504 that says so") {
  const Origin origin;
  const Weir weir(conf(origin.address(), "first_byte_timeout = \"200 ms\"\n"));
  const Response response = get(weir.port(), "/late?size=10&delay=30s");
  CAPTURE(response.summary());
  CHECK(response.status == 504);
  CHECK(response.complete());
  CHECK(names(response, "first_byte_timeout"));
  CHECK(response.seconds < 5);
}

TEST_CASE("An origin that closes without a byte is a 502") {
  const Origin origin;
  const Weir weir(origin);
  CHECK(get(weir.port(), "/c?close_before=1").status == 502);
  CHECK(get(weir.port(), "/r?reset_before=1").status == 502);
  CHECK(fetch(weir.port(), {.method = "POST", .target = "/p?close_before=1", .body = "x"}).status ==
        502);
  CHECK(origin.requests("/p?close_before=1") == 1);
}

TEST_CASE("A GET is sent again when a reused connection dies before a byte, a POST is not") {
  const Origin origin;
  const Weir weir(origin, "[server]\nworkers = 1\n");
  const std::string idle = "/idle?size=1&cc=no-store";
  REQUIRE(get(weir.port(), idle).complete());
  const Response got = get(weir.port(), "/g?size=9&fail_first=1&fail_with=close");
  CAPTURE(got.summary());
  CHECK(got.status == 200);
  CHECK(origin.requests("/g?size=9&fail_first=1&fail_with=close") == 2);

  REQUIRE(get(weir.port(), idle).complete());
  const std::string post = "/p?fail_first=1&fail_with=close";
  CHECK(fetch(weir.port(), {.method = "POST", .target = post, .body = "x"}).status == 502);
  CHECK(origin.requests(post) == 1);
}

TEST_CASE("A cut response never looks whole, and the next request fetches again") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* cut : {"cut_at=5000000", "reset_at=5000000", "chunked=1&cut_at=5000000",
                          "chunked=1&reset_at=5000000", "close=1&reset_at=5000000"}) {
    for (const char* version : {"1.1", "1.0"}) {
      const std::string script = std::string("/cut/") + version +
                                 "?n=2&size=10MiB&fail_first=1&fail_with=cut&" + cut + kNoResume;
      CAPTURE(script);
      const Response first =
          fetch(weir.port(), {.target = script, .fields = {{"Host", "a"}}, .version = version},
                {.content = 2, .keep = 0});
      CAPTURE(first.summary());
      CHECK(!first.complete());
      CHECK(!first.wrong_at);
      CHECK(first.end != End::kTimeout);
      const Response second = get(weir.port(), script, {.content = 2, .keep = 0});
      CAPTURE(second.summary());
      CHECK(second.right());
      CHECK(second.body_bytes == 10 * kMiB);
      CHECK(origin.requests(script) == 2);
    }
  }
}

TEST_CASE("A cut response with a strong validator is resumed, and the client sees nothing of it") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/resume?n=3&size=10MiB&cut_every=3MiB&cc=max-age=600";
  for (int i = 0; i < 2; ++i) {
    const Response response = get(weir.port(), target, {.content = 3, .keep = 0});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.body_bytes == 10 * kMiB);
  }
  CHECK(origin.requests(target) == 4);
  CHECK(origin.count("bytes_sent") == 10 * kMiB);
}

TEST_CASE("An origin that stops in mid-response is given up") {
  const Origin origin;
  const Weir weir(conf(origin.address(), "between_bytes_timeout = \"300 ms\"\n"));
  const Response response =
      get(weir.port(), std::string("/stop?n=1&size=10MiB&pause_at=1MiB&pause=30s") + kNoResume,
          {.content = 1, .keep = 0});
  CAPTURE(response.summary());
  CHECK(!response.complete());
  CHECK(!response.wrong_at);
  CHECK(response.seconds < 10);
}

TEST_CASE("Bytes behind a response's end reach nobody") {
  const Origin origin;
  const Weir weir(origin, "[server]\nworkers = 1\n");
  Client client(weir.port());
  for (int i = 0; i < 5; ++i) {
    const std::string target = "/surplus" + std::to_string(i) + "?n=1&size=1000&surplus=50";
    const Response response = client.exchange({.target = target}, {.content = 1});
    CAPTURE(response.summary());
    CHECK(response.status == 200);
    CHECK(response.right());
  }
}

}  // namespace weir::test
