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

TEST_CASE("What may have been acted on is not sent again, a GET is") {  // RFC 9110 §9.2.2
  struct Row {
    std::string method;
    int sent;
    int status;
  };
  for (const Row& row : {Row{"GET", 2, 200}, Row{"DELETE", 1, 502}, Row{"PUT", 1, 502}}) {
    CAPTURE(row.method);
    const Origin origin;
    const Weir weir(origin);  // so that no connection is reused
    const std::string target = "/" + row.method + "?size=9&fail_first=1&fail_with=close";
    CHECK(fetch(weir.port(), {.method = row.method, .target = target}).status == row.status);
    CHECK(origin.requests(target) == row.sent);
  }
}

TEST_CASE("A client that stops in mid-upload is a 408, and no fault of the origin's") {
  const Origin origin;
  Weir weir(conf(origin.address(),
                 "first_byte_timeout = \"200 ms\"\nbetween_bytes_timeout = \"200 ms\"\n"
                 "[http]\nbody_timeout = \"1 s\"\n"));
  const std::string post = "POST /up?size=10&n=1 HTTP/1.1\r\nHost: a\r\n";
  for (const std::string framing :
       {"Content-Length: 6\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n6\r\n"}) {
    CAPTURE(framing);
    Client slow(weir.port());
    slow.send(post + framing + "abc");
    CHECK(slow.silent_for(Millis(500)));  // longer than an origin may be silent
    slow.send(framing.starts_with('C') ? "def" : "def\r\n0\r\n\r\n");
    CHECK(slow.receive({.content = 1}).right());

    Client stuck(weir.port());
    stuck.send(post + framing + "abc");
    const Response response = stuck.receive();
    CAPTURE(response.summary());
    CHECK(response.status == 408);
    CHECK(names(response, "request_timeout"));
  }
  const nlohmann::json here = weir.status()["origins"][0];
  CHECK(here["servers"][0]["failures"] == 0);
  CHECK(here["fetches"]["failures"].empty());
  CHECK(here["fetches"]["pass"]["abandoned"] == 2);
  CHECK(weir.process().err().find("fetch failed") == std::string::npos);
}

TEST_CASE("A head of the origin's may be as large as http.head_max says") {
  struct Row {
    const char* max;
    std::size_t ordered;  // size of one field, and of another one: the origin itself takes 64 KiB
    std::size_t asked;
    int status;
  };
  for (const Row& row : {Row{"128 KiB", 50'000, 50'000, 200}, Row{"80 KiB", 50'000, 50'000, 502},
                         Row{"9 KiB", 8'000, 0, 200}, Row{"9 KiB", 10'000, 0, 502}}) {
    CAPTURE(row.max);
    CAPTURE(row.ordered);
    const Origin origin;
    const Weir weir(origin, "[http]\nhead_max = \"" + std::string(row.max) + "\"\n");
    origin.order("field=X-A:" + std::string(row.ordered, 'a'));
    const std::string more = "field=X-B:" + std::string(row.asked, 'b');
    const Response response =
        fetch(weir.port(), {.target = "/h?size=10&n=1", .fields = {{"X-Origin-Script", more}}});
    CHECK(response.status == row.status);
    CHECK(names(response, "origin_head_too_large") == (row.status == 502));
  }
}

TEST_CASE("An origin that sends interim responses without end is a 502 that says so") {
  const Origin origin;
  const Weir weir(origin);
  const Response some =
      get(weir.port(), "/some?n=1&size=10&early_status=102&early_count=50", {.content = 1});
  CHECK(some.right());
  CHECK(some.interim.size() == 50);
  const Response response = get(weir.port(), "/many?early_status=103&early_count=1000000");
  CAPTURE(response.summary());
  CHECK(response.status == 502);
  CHECK(response.complete());
  CHECK(names(response, "origin_endless_interim"));
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
  struct Row {
    const char* how;
    std::uint64_t requests;
  };
  for (const Row& row :
       {Row{"cut_every=3MiB", 4}, Row{"cut_every=3MiB&chunked=1", 4},
        Row{"fail_first=1&fail_with=cut&cut_at=7MiB&chunked=1", 2},
        Row{"pause_at=7MiB&pause=30s", 2}, Row{"pause_at=7MiB&pause=30s&chunked=1", 2}}) {
    CAPTURE(row.how);
    const Origin origin;
    const Weir weir(conf(origin.address(), "between_bytes_timeout = \"300 ms\"\n"));
    const std::string target = std::string("/resume?n=3&size=10MiB&cc=max-age=600&") + row.how;
    for (int i = 0; i < 2; ++i) {
      const Response response = get(weir.port(), target, {.content = 3, .keep = 0});
      CAPTURE(response.summary());
      CHECK(response.right());
      CHECK(response.body_bytes == 10 * kMiB);
    }
    CHECK(origin.requests(target) == row.requests);
    CHECK(origin.count("bytes_sent") == 10 * kMiB);
  }
}

TEST_CASE("What came before a cut that could not be mended is kept, and completed later") {
  const Origin origin;
  const Weir weir(conf(origin.address(), "resume_attempts = 0\n"));
  const std::string target =
      "/part?n=3&size=10MiB&cc=max-age=600&fail_first=1&fail_with=cut&cut_at=5MiB";
  const Response cut = get(weir.port(), target, {.content = 3, .keep = 0});
  CAPTURE(cut.summary());
  CHECK(!cut.wrong_at);
  const Response whole = get(weir.port(), target, {.content = 3, .keep = 0});
  CAPTURE(whole.summary());
  CHECK(whole.right());
  CHECK(origin.count("bytes_sent") == 10 * kMiB);
}

TEST_CASE("An origin that gives a byte at a time and cuts is given up") {
  const Origin origin;
  const Weir weir(conf(origin.address(), "resume_attempts = 1\neject_failures = 0\n"));
  const std::string target = "/bytes?n=3&size=10MiB&cut_every=1&cc=max-age=600";
  const Response response = get(weir.port(), target, {.content = 3});
  CAPTURE(response.summary());
  CHECK(!response.complete());
  CHECK(!response.wrong_at);
  CHECK(response.body_bytes < 10);
  CHECK(origin.requests(target) == response.body_bytes);
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
  CHECK(origin.count("connections") == 5);
}

}  // namespace weir::test
