// HTTP/2 through the whole of Weir: with prior knowledge, every byte checked.

#include <doctest/doctest.h>

#include <csignal>

#include "support/content.h"
#include "support/fixtures.h"
#include "support/http2_client.h"
#include "support/http2_frames.h"

namespace weir::test {
namespace {

using nlohmann::json;

const char* const kLog = "[log]\naccess = \"stdout\"\nformat = \"json\"\n";

Http2Answer ask(Http2Client& client, const Http2Request& request) {
  const auto id = client.ask(request);
  CHECK(client.until([&] { return client.answer(id).closed; }));
  return client.answer(id);
}

}  // namespace

TEST_CASE("HTTP/2: miss, hit, range and HEAD, beside HTTP/1 on the same port") {
  const Origin origin;
  Weir weir(origin, kLog);
  Http2Client client(Http2Client::connect(weir.port()));
  const std::string path = "/a?size=3MiB&n=7&cc=max-age=60";
  const Http2Answer miss = ask(client, {.path = path, .content = 7});
  CHECK(miss.right());
  CHECK(miss.bytes == 3 << 20);
  const Http2Answer hit = ask(client, {.path = path, .content = 7});
  CHECK(hit.right());
  CHECK(hit.field("cache-status").find("hit") != std::string::npos);
  CHECK(hit.field("age") != "");
  const Http2Answer range =
      ask(client, {.path = path, .fields = {{"range", "bytes=1048570-2097160"}}, .content = 7});
  CHECK(range.status == 206);
  CHECK(range.right());
  CHECK(range.bytes == 2097160 - 1048570 + 1);
  const Http2Answer parts = ask(client, {.path = path, .fields = {{"range", "bytes=0-9,99-100"}}});
  CHECK(parts.status == 206);
  CHECK(parts.right());
  CHECK(parts.field("content-length") == std::to_string(parts.bytes));
  const Http2Answer head = ask(client, {.method = "HEAD", .path = path});
  CHECK(head.right());
  CHECK(head.field("content-length") == std::to_string(3 << 20));
  CHECK(head.bytes == 0);
  const json line = weir.log_line("/a?size");
  CHECK(line.value("version", "") == "HTTP/2.0");
  CHECK(line.value("acked", 0) == 3 << 20);
  CHECK(line.value("delivered", false));
  CHECK(get(weir.port(), path, {.content = 7}).right());
  CHECK(origin.requests(path) == 1);
}

TEST_CASE("HTTP/2: a body of unknown length, and one that is uploaded and comes back") {
  const Origin origin;
  Weir weir(origin);
  Http2Client client(Http2Client::connect(weir.port()));
  CHECK(ask(client, {.path = "/c?size=2MiB&n=1&chunked=1", .content = 1}).right());
  std::string body(700'000, ' ');
  fill_content(9, 0, body);
  for (const bool said : {false, true}) {
    Http2Request post{.method = "POST", .path = "/e?echo=body", .body = body, .content = 9};
    if (said) post.fields.emplace_back("content-length", std::to_string(body.size()));
    const Http2Answer echoed = ask(client, post);
    CHECK(echoed.right());
    CHECK(echoed.bytes == body.size());
  }
}

TEST_CASE("HTTP/2: a hundred streams of all sizes at once, missed and hit") {
  const Origin origin;
  Weir weir(origin);
  for (int round = 0; round < 2; ++round) {
    Http2Client client(Http2Client::connect(weir.port()));
    std::vector<std::pair<std::int32_t, std::uint64_t>> asked;
    for (std::uint64_t i = 0; i < 100; ++i) {
      const std::uint64_t size = i * i * i;  // up to a MB
      const std::string path = "/s" + std::to_string(i) + "?size=" + std::to_string(size) +
                               "&n=" + std::to_string(i) + "&cc=max-age=60";
      asked.emplace_back(client.ask({.path = path, .content = i}), size);
    }
    REQUIRE(client.until([&] { return client.all_closed(); }));
    for (const auto& [id, size] : asked) {
      CHECK(client.answer(id).status == 200);
      CHECK(client.answer(id).right());
      CHECK(client.answer(id).bytes == size);
    }
  }
}

TEST_CASE("HTTP/2: a stream that stands still is reset, others on the connection are served") {
  const Origin origin;
  Weir weir(origin, std::string(kLog) + "[delivery]\nzero_window_timeout = \"2 s\"\n");
  Http2Client client(Http2Client::connect(weir.port()), {.stream_window = 65535});
  const auto stuck = client.ask({.path = "/stuck?size=20MiB&n=1&cc=max-age=60", .content = 1});
  client.hold(stuck);
  int served = 0;
  while (!client.answer(stuck).closed && served < 10'000) {
    REQUIRE(ask(client, {.path = "/live?size=300KiB&n=2&cc=max-age=60", .content = 2}).right());
    ++served;
  }
  CHECK(served > 3);
  CHECK_FALSE(client.answer(stuck).ended);
  CHECK(client.answer(stuck).code == h2::kCancel);
  const json line = weir.log_line("/stuck");
  CHECK(line.value("close", "") == "no_credit");
  CHECK(line.value("acked", 0) == 65535);
  CHECK_FALSE(line.value("delivered", true));
}

TEST_CASE("HTTP/2: a large object comes whole and fast beside four slow streams of the same") {
  const Origin origin;
  const Weir weir(origin);
  const std::string path = "/film?size=24MiB&n=3&cc=max-age=60";
  Http2Client client(Http2Client::connect(weir.port()), {.stream_window = 256 * 1024});
  std::vector<std::int32_t> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(client.ask({.path = path, .content = 3}));
    client.hold(slow.back());
  }
  const auto fast = client.ask({.path = path, .content = 3});
  // A window for the slow ones now and then.
  const auto trickle = [&] {
    for (const auto id : slow) {
      client.release(id);
      client.pump();
      client.hold(id);
    }
  };
  for (int i = 0; !client.answer(fast).closed && i < 1'000'000; ++i) {
    REQUIRE(client.pump(std::chrono::milliseconds(1)));
    if (i % 32 == 0) trickle();
  }
  CHECK(client.answer(fast).right());
  CHECK(client.answer(fast).bytes == 24 << 20);
  for (const auto id : slow) {
    CHECK(client.answer(id).bytes < 24 << 20);
    CHECK_FALSE(client.answer(id).closed);
    client.release(id);
  }
  REQUIRE(client.until([&] { return client.all_closed(); }));
  for (const auto id : slow) {
    CHECK(client.answer(id).right());
    CHECK(client.answer(id).bytes == 24 << 20);
  }
  CHECK(origin.requests(path) == 1);
}

TEST_CASE("HTTP/2: what the origin cuts is cut for the client, never ended") {
  const Origin origin;
  Weir weir(origin);
  for (const char* framing : {"", "&chunked=1"}) {
    Http2Client client(Http2Client::connect(weir.port()));
    const Http2Answer cut =
        ask(client, {.path = std::string("/cut?size=1MiB&n=1&fail_first=1&fail_with=cut&cut_at="
                                         "500KiB&etag=none&lm=none&ranges=0") +
                             framing});
    CHECK_FALSE(cut.ended);
    CHECK(cut.code == h2::kInternalError);
    CHECK(ask(client, {.path = "/whole?size=1KiB&n=1", .content = 1}).right());
  }
}

TEST_CASE("HTTP/2: a request body that is less than it said reaches the origin as a cut") {
  const Origin origin;
  Weir weir(origin);
  Http2Client client(Http2Client::connect(weir.port()));
  const auto id = client.ask({.method = "POST",
                              .path = "/short?size=1KiB",
                              .fields = {{"content-length", "2000000"}},
                              .body = std::string(1'000'000, 'x')});
  REQUIRE(client.until([&] { return client.answer(id).closed; }));
  CHECK_FALSE(client.answer(id).ended);
  CHECK(client.answer(id).code == h2::kProtocolError);
  CHECK(eventually([&] { return origin.count("aborted_by_peer") == 1; }));
  CHECK(ask(client, {.path = "/next?size=1KiB&n=1", .content = 1}).right());
}

TEST_CASE("HTTP/2: SIGTERM lets what is under way finish") {
  const Origin origin;
  Weir weir(origin);
  {
    Http2Client client(Http2Client::connect(weir.port()));
    const auto id = client.ask({.path = "/slow?size=1MiB&n=1&rate=500KiB", .content = 1});
    REQUIRE(client.until([&] { return client.answer(id).bytes > 0; }));
    weir.process().signal(SIGTERM);
    REQUIRE(client.until([&] { return client.answer(id).closed; }));
    CHECK(client.answer(id).right());
    CHECK_FALSE(client.until([] { return false; }));  // it is ended then
    CHECK(client.goaways() == 2);
    CHECK(client.goaway_code() == h2::kNoError);
  }
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
}

TEST_CASE("HTTP/2: a rapid reset ends its connection, and is counted") {
  const Origin origin;
  Weir weir(origin);
  Http2Client client(Http2Client::connect(weir.port()));
  for (int i = 0; i < 2000 && client.pump(); ++i) {
    const auto id = client.ask({.path = "/r" + std::to_string(i) + "?size=1KiB&delay=1s"});
    client.pump();
    client.reset(id);
  }
  CHECK_FALSE(client.until([] { return false; }));
  CHECK(client.goaway_code() == h2::kEnhanceYourCalm);
  CHECK(eventually([&] {
    return get(weir.admin_port(), "/metrics")
               .body.find("weir_client_connections_closed_total{reason=\"rapid_reset\"} 1") !=
           std::string::npos;
  }));
}

}  // namespace weir::test
