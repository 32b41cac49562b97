// The main job: large and small objects through Weir, first as a miss that streams, then as a hit.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

bool is_hit(const Response& response) {
  return response.field("Cache-Status").starts_with("weir; hit");
}

// Fetches the object twice, so that the second is a hit.
void warm(const Weir& weir, const std::string& target) {
  REQUIRE(get(weir.port(), target).status == 200);
  REQUIRE(is_hit(get(weir.port(), target)));
}

}  // namespace

TEST_CASE("A miss is fetched once and is a hit from then on, byte for byte") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* size : {"0", "1", "1KiB", "65535", "65536", "1MiB", "1048577", "50MiB"}) {
    const std::string target = std::string("/o?n=7&cc=max-age=600&size=") + size;
    CAPTURE(target);
    const Response miss = get(weir.port(), target, {.content = 7});
    CAPTURE(miss.summary());
    CHECK(miss.status == 200);
    CHECK(miss.right());
    CHECK(miss.field("Cache-Status").starts_with("weir; fwd=uri-miss"));
    CHECK(miss.field("Cache-Status").find("; stored") != std::string::npos);
    for (int i = 0; i < 2; ++i) {
      const Response hit = get(weir.port(), target, {.content = 7});
      CAPTURE(hit.summary());
      CHECK(hit.status == 200);
      CHECK(hit.right());
      CHECK(is_hit(hit));
      CHECK(hit.has("Age"));
      CHECK(hit.body_bytes == miss.body_bytes);
      CHECK(hit.field("ETag") == miss.field("ETag"));
      CHECK(hit.field("Content-Length") == std::to_string(miss.body_bytes));
    }
    CHECK(origin.requests(target) == 1);
  }
}

TEST_CASE("However the origin frames a body, it arrives and is kept") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* framing : {"chunked=1", "chunked=1&chunk_size=7&size=10000",
                              "chunked=1&trailers=1", "close=1", "keep_alive=0", "version=1.0",
                              "slow_head=1", "early_status=103", "pause_at=1MiB&pause=50ms"}) {
    const std::string target = std::string("/f?n=2&cc=max-age=600&size=3MiB&") + framing;
    CAPTURE(target);
    const Response miss = get(weir.port(), target, {.content = 2});
    CAPTURE(miss.summary());
    CHECK(miss.right());
    const Response hit = get(weir.port(), target, {.content = 2});
    CHECK(hit.right());
    CHECK(is_hit(hit));
    CHECK(hit.body_bytes == miss.body_bytes);
    CHECK(origin.requests(target) == 1);
  }
}

TEST_CASE("A hit lets one connection do many requests, pipelined or not") {
  const Origin origin;
  const Weir weir(origin);
  const std::string one = "/p?n=1&cc=max-age=600&size=10";
  const std::string two = "/p?n=2&cc=max-age=600&size=3MiB";
  Client client(weir.port());
  for (int round = 0; round < 2; ++round) {  // misses, then hits
    std::string requests;
    for (int i = 0; i < 10; ++i) {
      requests += format({.target = one}) + format({.target = two});
    }
    CHECK(client.send(requests));
    for (int i = 0; i < 10; ++i) {
      CHECK(client.receive({.content = 1}).right());
      CHECK(client.receive({.content = 2}).right());
    }
  }
  CHECK(client.silent_for(Millis(20)));
  CHECK(origin.count("total") == 2);
  const Response last = client.exchange({.target = one, .keep_alive = false}, {.content = 1});
  CHECK(last.right());
  CHECK(last.field("Connection") == "close");
  CHECK(client.receive_end() == End::kComplete);
}

TEST_CASE("Twenty clients on one cold object cost one fetch, and all stream") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/cold?n=3&cc=max-age=600&size=20MiB&rate=10MiB&delay=200ms";
  std::vector<Response> responses(20);
  std::vector<std::thread> threads;
  for (Response& response : responses) {
    threads.emplace_back([&] { response = get(weir.port(), target, {.content = 3, .keep = 0}); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const Response& response : responses) {
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.body_bytes == 20 * kMiB);
    CHECK(response.head_seconds < 1.5);  // long before the fetch has ended
  }
  CHECK(origin.requests(target) == 1);
  CHECK(origin.count("bytes_sent") == 20 * kMiB);
}

TEST_CASE("A slow client does not slow the origin, nor the others") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/slow?n=4&cc=max-age=600&size=100MiB";
  Client slow(weir.port(), {.receive_buffer = 65536});
  slow.send(Request{.target = target});
  Response response = slow.receive_head();
  slow.receive_body(response, {.content = 4, .rate = kMiB, .stop_at = kMiB / 2, .keep = 0});
  // The origin is rid of all while the slow one has read half a MiB of it and stands.
  CHECK(eventually([&] { return origin.counts().at("transfer_seconds").contains(target); }));
  CHECK(get(weir.port(), target, {.content = 4, .keep = 0}).right());
  slow.receive_body(response, {.content = 4, .keep = 0});
  CHECK(response.right());
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("A client that leaves in mid-miss does not end the fetch that others read") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/leave?n=5&cc=max-age=600&size=20MiB&rate=20MiB";
  Client leader(weir.port());
  leader.send(Request{.target = target});
  Response first = leader.receive_head();
  leader.receive_body(first, {.content = 5, .stop_at = kMiB});
  Client other(weir.port());
  other.send(Request{.target = target});
  Response second = other.receive_head();
  leader.abort();
  other.receive_body(second, {.content = 5, .keep = 0});
  CHECK(second.right());
  CHECK(second.body_bytes == 20 * kMiB);
  CHECK(origin.requests(target) == 1);
  CHECK(origin.count("aborted_by_peer") == 0);
}

TEST_CASE("HEAD is answered with the head of a GET and no body") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/head?n=1&cc=max-age=600&size=5KiB";
  for (int i = 0; i < 3; ++i) {  // cold, then behind a GET, then a hit
    Client client(weir.port());
    for (int j = 0; j < 2; ++j) {
      const Response head = client.exchange({.method = "HEAD", .target = target});
      CAPTURE(head.summary());
      CHECK(head.status == 200);
      CHECK(head.complete());
      CHECK(head.field("Content-Length") == "5120");
      CHECK(head.field("ETag") == "\"1-5120\"");
    }
    CHECK(client.exchange({.target = target}, {.content = 1}).right());
  }
  CHECK(origin.requests(target) <= 3);
}

TEST_CASE("A hit answers single ranges") {
  struct Row {
    const char* range;
    int status;
    const char* content_range;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      // RFC 9110 §14.1.2, §14.2, §15.3.7, §15.5.17
      {"bytes=0-0", 206, "bytes 0-0/3145728", 1},
      {"bytes=1048570-1048590", 206, "bytes 1048570-1048590/3145728", 21},
      {"bytes=3145720-", 206, "bytes 3145720-3145727/3145728", 8},
      {"bytes=-7", 206, "bytes 3145721-3145727/3145728", 7},
      {"bytes=0-9999999", 206, "bytes 0-3145727/3145728", 3145728},
      {"bytes=3145728-", 416, "bytes */3145728", 0},
      {"bytes=5-4", 200, "", 3145728},
      {"lines=0-1", 200, "", 3145728},
  };
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/range?n=6&cc=max-age=600&size=3MiB";
  warm(weir, target);
  for (const Row& row : rows) {
    CAPTURE(std::string(row.range));
    const Response response = get(weir.port(), target, {.content = 6}, {{"Range", row.range}});
    CAPTURE(response.summary());
    CHECK(response.status == row.status);
    CHECK(response.field("Content-Range") == row.content_range);
    CHECK((row.status == 416 || (response.right() && response.body_bytes == row.bytes)));
    CHECK(response.complete());
  }
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("A range of a cold object is answered right") {
  const Origin origin;
  const Weir weir(origin);
  const Response response = get(weir.port(), "/cold-range?n=6&cc=max-age=600&size=3MiB",
                                {.content = 6}, {{"Range", "bytes=2000000-2000099"}});
  CAPTURE(response.summary());
  CHECK(response.right());
  CHECK((response.status == 200 || (response.status == 206 && response.body_bytes == 100 &&
                                    response.range_begin() == 2000000)));
}

TEST_CASE("A hit answers conditional requests itself") {
  const Origin origin;
  const Weir weir(origin);
  const std::string target = "/cond?n=6&cc=max-age=600&size=1000";
  warm(weir, target);
  const auto ask = [&](std::vector<Field> fields) {
    return get(weir.port(), target, {.content = 6}, std::move(fields));
  };
  const Response same = ask({{"If-None-Match", "\"6-1000\""}});
  CHECK(same.status == 304);
  CHECK(same.complete());
  CHECK(same.field("ETag") == "\"6-1000\"");  // RFC 9110 §15.4.5
  CHECK(same.field("Cache-Control") == "max-age=600");
  CHECK(ask({{"If-None-Match", "\"other\""}}).status == 200);
  CHECK(ask({{"If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"}}).status == 304);
  CHECK(ask({{"If-Modified-Since", "Sun, 31 Dec 2023 00:00:00 GMT"}}).status == 200);
  // RFC 9110 §13.2.2: If-None-Match wins
  CHECK(
      ask({{"If-None-Match", "\"other\""}, {"If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"}})
          .status == 200);
  // §13.1.5
  CHECK(ask({{"Range", "bytes=0-9"}, {"If-Range", "\"6-1000\""}}).status == 206);
  CHECK(ask({{"Range", "bytes=0-9"}, {"If-Range", "\"other\""}}).status == 200);
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("HTTP/1.0 clients are served without chunks") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* framing : {"", "&chunked=1", "&close=1"}) {
    const std::string target = std::string("/old?n=1&cc=max-age=600&size=1MiB") + framing;
    CAPTURE(target);
    for (int i = 0; i < 2; ++i) {
      Client client(weir.port());
      const Response response =
          client.exchange({.target = target, .version = "1.0"}, {.content = 1});
      CAPTURE(response.summary());
      CHECK(response.right());
      CHECK(response.framing != Framing::kChunked);
      CHECK(client.receive_end() == End::kComplete);
    }
    CHECK(origin.requests(target) == 1);
  }
  Client kept(weir.port());
  const Request request{.target = "/old?n=1&cc=max-age=600&size=1MiB",
                        .fields = {{"Connection", "keep-alive"}},
                        .version = "1.0"};
  for (int i = 0; i < 2; ++i) {
    const Response response = kept.exchange(request, {.content = 1});
    CHECK(response.right());
    CHECK(equal_ignoring_case(response.field("Connection"), "keep-alive"));
  }
}

TEST_CASE("An object larger than the store is served whole and not kept whole") {
  const Origin origin;
  const Weir weir(origin, "[storage]\nmemory = \"8 MiB\"\n");
  const std::string large = "/large?n=8&cc=max-age=600&size=60MiB";
  for (int i = 0; i < 2; ++i) {
    const Response response = get(weir.port(), large, {.content = 8, .keep = 0});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.body_bytes == 60 * kMiB);
  }
  CHECK(origin.requests(large) >= 2);
  warm(weir, "/small?n=8&cc=max-age=600&size=1MiB");
}

TEST_CASE("More objects than the store holds are all served right") {
  const Origin origin;
  const Weir weir(origin, "[storage]\nmemory = \"16 MiB\"\n");
  for (int round = 0; round < 2; ++round) {
    for (int n = 0; n < 40; ++n) {
      const std::string target =
          "/many/" + std::to_string(n) + "?cc=max-age=600&size=1MiB&n=" + std::to_string(n);
      const Response response =
          get(weir.port(), target, {.content = static_cast<std::uint64_t>(n)});
      CAPTURE(response.summary());
      CHECK(response.right());
    }
  }
}

TEST_CASE("A client that has half-closed still gets all of its answer") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* more : {"", "&delay=300ms"}) {
    for (int i = 0; i < 2; ++i) {
      Client client(weir.port());
      client.send(Request{.target = std::string("/half?n=9&cc=max-age=600&size=20MiB") + more});
      client.half_close();
      const Response response = client.receive({.content = 9, .keep = 0});
      CAPTURE(response.summary());
      CHECK(response.right());
      CHECK(response.body_bytes == 20 * kMiB);
    }
  }
}

}  // namespace weir::test
