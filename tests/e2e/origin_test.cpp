// weir-origin does what its scripts say: every later test rests on it.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/content.h"
#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

}  // namespace

TEST_CASE("The origin sends objects of any size, byte for byte") {
  const Origin origin;
  const std::uint64_t sizes[] = {0, 1, 7, 8, 1023, 256 * 1024, 256 * 1024 + 1, 10 * kMiB + 3};
  for (const std::uint64_t size : sizes) {
    for (const char* framing : {"", "&chunked=1", "&chunked=1&chunk_size=1000", "&close=1"}) {
      const std::string target = "/x?n=7&size=" + std::to_string(size) + framing;
      CAPTURE(target);
      const Response response = get(origin.port(), target, {.content = 7});
      CAPTURE(response.summary());
      CHECK(response.status == 200);
      CHECK(response.right());
      CHECK(response.body_bytes == size);
      CHECK(origin.requests(target) == 1);
    }
  }
  CHECK(
      get(origin.port(), "/some/path?size=99", {.content = content_number("/some/path")}).right());
  CHECK(get(origin.port(), "/u?size=2KiB").body_bytes == 2048);
  CHECK(get(origin.port(), "/u?size=2B").body_bytes == 2);
}

TEST_CASE("The origin answers with files of the directory it was given, and no others") {
  const ScratchDirectory files;
  files.write("page.html", "<p>hello");
  const Origin origin(0, {"--files", files.path().string()});
  const Response page = get(origin.port(), "/x?file=page.html&type=text/html&cc=max-age=9");
  CHECK(page.status == 200);
  CHECK(page.body == "<p>hello");
  CHECK(page.field("Content-Type") == "text/html");
  CHECK(page.field("Cache-Control") == "max-age=9");
  CHECK(get(origin.port(), "/x?file=none.html").status == 404);
  CHECK(get(origin.port(), "/x?file=../page.html").status == 400);
  CHECK(get(Origin().port(), "/x?file=page.html").status == 404);
}

TEST_CASE("The origin names what it does not understand") {
  const Origin origin;
  for (const char* query :
       {"sixe=1", "size=1MB", "size=", "size", "delay=5", "chunked=2", "etag=", "field=NoColon",
        "status=20", "early_status=200", "ranges=2", "n=%zz"}) {
    const Response response = get(origin.port(), std::string("/?") + query);
    CAPTURE(std::string(query));
    CHECK(response.status == 400);
    CHECK(response.body.find(std::string(query).substr(0, 4)) != std::string::npos);
  }
}

TEST_CASE("The origin answers 400 to what is not strict HTTP") {
  const Origin origin;
  for (const char* request : {
           "GARBAGE\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET / HTTP/1.1\nHost: a\n\n",
           "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nName : b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       }) {
    CAPTURE(std::string(request));
    Client client(origin.port());
    client.send(std::string_view(request));
    CHECK(client.receive().status == 400);
    CHECK(client.receive_end() == End::kComplete);
  }
}

TEST_CASE("The origin keeps connections, reads pipelined requests, and closes when asked") {
  const Origin origin;
  Client client(origin.port());
  CHECK(client.send(format({.target = "/a?size=3&n=1"}) + format({.target = "/b?size=5&n=2"})));
  CHECK(client.receive({.content = 1}).right());
  CHECK(client.receive({.content = 2}).right());
  CHECK(client.silent_for(Millis(10)));
  CHECK(origin.count("connections") == 1);
  CHECK(origin.count("open") == 1);
  CHECK(client.exchange({.target = "/c?size=1", .keep_alive = false}).field("Connection") ==
        "close");
  CHECK(client.receive_end() == End::kComplete);
  client.close();
  CHECK(eventually([&] { return origin.count("open") == 0; }));

  Client old(origin.port());
  CHECK(old.exchange({.target = "/d?chunked=1&size=9&n=3", .version = "1.0"}, {.content = 3})
            .right());
  Client polite(origin.port());
  const Request kept{
      .target = "/d?size=9", .fields = {{"Connection", "keep-alive"}}, .version = "1.0"};
  CHECK(polite.exchange(kept).field("Connection") == "keep-alive");
  CHECK(polite.exchange(kept).complete());
}

TEST_CASE("The origin answers HEAD with the head of a GET") {
  const Origin origin;
  Client client(origin.port());
  for (int i = 0; i < 2; ++i) {
    const Response head = client.exchange({.method = "HEAD", .target = "/h?size=5KiB&cut_at=9"});
    CHECK(head.complete());
    CHECK(head.field("Content-Length") == "5120");
    CHECK(head.body_bytes == 0);
  }
}

TEST_CASE("The origin takes request bodies and tells what it got") {
  const Origin origin;
  std::string body(3 * kMiB, '\0');
  fill_content(5, 0, body);
  for (const bool chunked : {false, true}) {
    Client client(origin.port());
    const Response echoed = client.exchange(
        {.method = "POST", .target = "/e?echo=body", .body = body, .chunked = chunked},
        {.content = 5});
    CHECK(echoed.right());
    CHECK(echoed.body_bytes == body.size());
    const auto last = origin.counts().at("last_request");
    CHECK(last.at("method") == "POST");
    CHECK(last.at("body_bytes") == body.size());
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(hash_bytes(body)));
    CHECK(last.at("body_hash") == hash);
  }
  const Response text = get(origin.port(), "/e?echo=1", {}, {{"X-One", "1"}});
  CHECK(text.body == "GET /e?echo=1 HTTP/1.1\nHost: localhost\nX-One: 1\n");
  CHECK(origin.last_field("x-one") == "1");
  CHECK(!origin.last_field("x-two"));
}

TEST_CASE("The origin asks for a body that expects 100 (Continue)") {
  const Origin origin;
  Client client(origin.port());
  client.send(
      "PUT /p?echo=body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive_interim().status == 100);
  client.send("hi");
  CHECK(client.receive().body == "hi");
}

TEST_CASE("The origin honours single ranges") {
  struct Row {
    const char* range;
    int status;
    const char* content_range;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      // RFC 9110 §14.1.2, §14.2, §15.5.17
      {"bytes=0-0", 206, "bytes 0-0/1000", 1},
      {"bytes=10-19", 206, "bytes 10-19/1000", 10},
      {"bytes=990-", 206, "bytes 990-999/1000", 10},
      {"bytes=-10", 206, "bytes 990-999/1000", 10},
      {"bytes=-5000", 206, "bytes 0-999/1000", 1000},
      {"bytes=900-5000", 206, "bytes 900-999/1000", 100},
      {"bytes=1000-", 416, "bytes */1000", 0},
      {"bytes=-0", 416, "bytes */1000", 0},
      {"bytes=5-4", 200, "", 1000},
      {"bytes=0-1,5-6", 200, "", 1000},
      {"lines=0-1", 200, "", 1000},
  };
  const Origin origin;
  for (const Row& row : rows) {
    CAPTURE(std::string(row.range));
    const Response response =
        get(origin.port(), "/r?size=1000&n=4", {.content = 4}, {{"Range", row.range}});
    CHECK(response.status == row.status);
    CHECK(response.field("Content-Range") == row.content_range);
    CHECK(response.body_bytes == row.bytes);
    CHECK(response.right());
  }
  CHECK(eventually([&] { return origin.count("ranges") == 6; }));
  const std::vector<Field> range{{"Range", "bytes=10-19"}};
  CHECK(get(origin.port(), "/r?size=1000&ranges=0", {}, range).status == 200);
  const Response lie = get(origin.port(), "/r?size=1000&n=4&ranges=lie", {.content = 4}, range);
  CHECK(lie.field("Content-Range") == "bytes 11-20/1000");
  CHECK(lie.wrong_at == 0);
}

TEST_CASE("The origin honours If-Range and conditional requests") {
  const Origin origin;
  const char* kDate = "Mon, 01 Jan 2024 00:00:00 GMT";
  const auto ask = [&](const char* target, std::vector<Field> fields) {
    return get(origin.port(), target, {}, std::move(fields)).status;
  };
  const Field range{"Range", "bytes=1-2"};
  // RFC 9110 §13.1.5: strong comparison
  CHECK(ask("/c?size=9&n=1", {range, {"If-Range", "\"1-9\""}}) == 206);
  CHECK(ask("/c?size=9&n=1", {range, {"If-Range", "\"2-9\""}}) == 200);
  CHECK(ask("/c?size=9&n=1", {range, {"If-Range", kDate}}) == 206);
  CHECK(ask("/c?size=9&n=1&etag=weak", {range, {"If-Range", "W/\"1-9\""}}) == 200);
  // §13.1.2, §13.1.3
  CHECK(ask("/c?size=9&n=1", {{"If-None-Match", "\"1-9\""}}) == 304);
  CHECK(ask("/c?size=9&n=1", {{"If-None-Match", "\"0\", W/\"1-9\""}}) == 304);
  CHECK(ask("/c?size=9&n=1", {{"If-None-Match", "*"}}) == 304);
  CHECK(ask("/c?size=9&n=1", {{"If-None-Match", "\"0\""}, {"If-Modified-Since", kDate}}) == 200);
  CHECK(ask("/c?size=9&n=1", {{"If-Modified-Since", kDate}}) == 304);
  CHECK(ask("/c?size=9&n=1&lm=-60s", {{"If-Modified-Since", kDate}}) == 200);
  CHECK(ask("/c?size=9&n=1&conditional=0", {{"If-None-Match", "*"}}) == 200);
  CHECK(ask("/c?size=9&n=1&etag=none", {{"If-None-Match", "\"1-9\""}}) == 200);
  CHECK(eventually([&] { return origin.count("not_modified") == 4; }));
}

TEST_CASE("The origin sends the fields it is told to") {
  const Origin origin;
  const Response response =
      get(origin.port(),
          "/f?status=404&reason=Gone%20fishing&cc=max-age=60&field=X-A:1&field=X-A:%202%20b&vary="
          "Accept-Encoding&age=5&expires=0&etag=abc&lm=none&date=Tue,%2002%20Jan%202024%2000:00:00%"
          "20GMT&type=text/html");
  CHECK(response.status == 404);
  CHECK(response.reason == "Gone fishing");
  CHECK(response.field("Cache-Control") == "max-age=60");
  CHECK(response.count("X-A") == 2);
  CHECK(response.field("Vary") == "Accept-Encoding");
  CHECK(response.field("Age") == "5");
  CHECK(response.field("Expires") == "0");
  CHECK(response.field("ETag") == "\"abc\"");
  CHECK(!response.has("Last-Modified"));
  CHECK(response.field("Date") == "Tue, 02 Jan 2024 00:00:00 GMT");
  CHECK(response.field("Content-Type") == "text/html");
  CHECK(!get(origin.port(), "/f?date=none").has("Date"));
  CHECK(get(origin.port(), "/f?size=1").field("ETag").starts_with('"'));
  CHECK(get(origin.port(), "/f?size=1&version=1.0").version == "1.0");
}

TEST_CASE("The origin cuts and resets where it is told to") {
  struct Row {
    const char* query;
    End end;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      {"cut_at=5000", End::kShortEof, 5000},
      {"cut_at=5000&chunked=1", End::kShortEof, 5000},
      {"cut_at=0", End::kShortEof, 0},
      {"cut_at=1MiB", End::kComplete, kMiB},
      {"cut_every=300KiB", End::kShortEof, 300 * 1024},
      {"reset_at=1000", End::kReset, 0},
  };
  const Origin origin;
  for (const Row& row : rows) {
    CAPTURE(std::string(row.query));
    const Response response =
        get(origin.port(), std::string("/cut?n=1&size=1MiB&") + row.query, {.content = 1});
    CHECK(response.status == (row.end == End::kReset ? response.status : 200));
    CHECK(response.end == row.end);
    CHECK(!response.wrong_at);
    CHECK((row.end == End::kReset || response.body_bytes == row.bytes));
  }
  CHECK(origin.count("reset") == 1);
  CHECK(get(origin.port(), "/no?close_before=1").end == End::kShortEof);
  CHECK(get(origin.port(), "/no?reset_before=1").end == End::kReset);
  CHECK(origin.count("reset") == 2);
}

TEST_CASE("A cut object can be resumed to its end") {
  const Origin origin;
  std::uint64_t at = 0;
  int rounds = 0;
  while (at < 10 * kMiB && rounds < 20) {
    const Response part =
        get(origin.port(), "/resume?n=3&size=10MiB&cut_every=3MiB", {.content = 3},
            {{"Range", "bytes=" + std::to_string(at) + "-"}, {"If-Range", "\"3-10485760\""}});
    CHECK(part.status == 206);
    CHECK(!part.wrong_at);
    at += part.body_bytes;
    ++rounds;
  }
  CHECK(at == 10 * kMiB);
  CHECK(rounds == 4);
  CHECK(origin.count("bytes_sent") == 10 * kMiB);
  const Response rest =
      get(origin.port(), "/resume?size=1MiB&cut_at=9", {}, {{"Range", "bytes=9-"}});
  CHECK(rest.complete());
}

TEST_CASE("The first requests fail as they are told to") {
  const Origin origin;
  const auto port = origin.port();
  CHECK(get(port, "/ff?fail_first=2").status == 503);
  CHECK(get(port, "/ff?fail_first=2").status == 503);
  CHECK(get(port, "/ff?fail_first=2").status == 200);
  CHECK(get(port, "/ff?fail_first=1&fail_with=500").status == 500);
  CHECK(get(port, "/ff?fail_first=1&fail_with=close").end == End::kShortEof);
  CHECK(get(port, "/ff?fail_first=1&fail_with=close").status == 200);
  CHECK(get(port, "/ff?fail_first=1&fail_with=reset").end == End::kReset);
  CHECK(get(port, "/ff?size=9&fail_first=1&fail_with=cut&cut_at=3").end == End::kShortEof);
  CHECK(get(port, "/ff?size=9&fail_first=1&fail_with=cut&cut_at=3").complete());
}

TEST_CASE("The origin keeps to the times it is told") {
  const Origin origin;
  const auto port = origin.port();
  CHECK(get(port, "/t?delay=200ms").head_seconds >= 0.2);
  const Response body_late = get(port, "/t?size=9&body_delay=200ms");
  CHECK(body_late.head_seconds < 0.15);
  CHECK(body_late.seconds >= 0.2);
  const Response paced = get(port, "/t?size=1MiB&rate=4MiB&n=1", {.content = 1});
  CHECK(paced.right());
  CHECK(paced.seconds >= 0.24);
  CHECK(paced.seconds < 1);
  const Response paused = get(port, "/t?size=1MiB&pause_at=500000&pause=200ms&n=1", {.content = 1});
  CHECK(paused.right());
  CHECK(paused.seconds >= 0.2);
  const Response slow = get(port, "/t?size=9&slow_head=1");
  CHECK(slow.complete());
  CHECK(slow.head_seconds >= 0.05);
}

TEST_CASE("Interim responses, trailers and surplus bytes are sent") {
  const Origin origin;
  const Response hinted =
      get(origin.port(), "/i?early_status=103&early_field=Link:%3C/a%3E&size=1");
  CHECK(hinted.interim == std::vector<int>{103});
  CHECK(hinted.complete());
  const Response trailed = get(origin.port(), "/i?chunked=1&trailers=1&size=9&n=6");
  REQUIRE(trailed.trailers.size() == 1);
  CHECK(trailed.trailers[0].value == "6");
  CHECK(trailed.field("Trailer") == "X-Trailer");
  Client client(origin.port());
  CHECK(client.exchange({.target = "/i?size=9&surplus=5"}).complete());
  CHECK(!client.silent_for(Millis(500)));
}

TEST_CASE("The origin resets a peer that takes nothing, if told so") {
  const Origin origin;
  Client client(origin.port(), {.receive_buffer = 4096});
  client.send(Request{.target = "/b?size=100MiB&send_block_reset=100ms"});
  CHECK(eventually([&] { return origin.count("blocked") == 1; }));
  CHECK(client.receive().end == End::kReset);
}

TEST_CASE("The counts tell of aborts, concurrency and transfer times") {
  const Origin origin;
  {
    Client gone(origin.port(), {.receive_buffer = 4096});
    gone.send(Request{.target = "/a?size=1GiB"});
    CHECK(gone.receive_head().status == 200);
    gone.abort();
  }
  CHECK(eventually([&] { return origin.count("aborted_by_peer") == 1; }));
  CHECK(origin.counts().at("last_transfer_seconds") == 0);

  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] { get(origin.port(), "/b?size=1KiB&delay=500ms"); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const auto counts = origin.counts();
  CHECK(counts.at("in_flight_max") == 50);
  CHECK(counts.at("total") == 51);
  CHECK(counts.at("connections") == 51);
  CHECK(counts.at("requests").at("/b?size=1KiB&delay=500ms") == 50);
  CHECK(counts.at("last_transfer_seconds") < 0.4);  // without the delay
  CHECK(counts.at("transfer_seconds").contains("/b?size=1KiB&delay=500ms"));
  origin.reset();
  CHECK(origin.count("total") == 0);
  CHECK(origin.count("bytes_sent") == 0);
}

TEST_CASE("A thousand connections at once are served") {
  const Origin origin;
  std::vector<Client> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.emplace_back(origin.port());
    clients.back().send(Request{.target = "/k?size=10000&n=1"});
  }
  int right = 0;
  for (Client& client : clients) {
    right += client.receive({.content = 1}).right() ? 1 : 0;
  }
  CHECK(right == 1000);
  CHECK(origin.count("open") == 1000);
}

TEST_CASE("A body of 4 GiB and more is checked without being kept") {
  const Origin origin;
  const Response response = get(origin.port(), "/big?size=4100MiB&n=2", {.content = 2, .keep = 0});
  CHECK(response.right());
  CHECK(response.body_bytes == 4100 * kMiB);
  CHECK(response.body.empty());
}

TEST_CASE("A slow reader reads at its rate") {
  const Origin origin;
  Client client(origin.port(), {.receive_buffer = 16384});
  client.send(Request{.target = "/s?size=200KiB&n=1"});
  const Response response = client.receive({.content = 1, .rate = 500 * 1024});
  CHECK(response.right());
  CHECK(response.seconds >= 0.35);
  CHECK(response.seconds < 2);
}

}  // namespace weir::test
