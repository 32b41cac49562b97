// Compression through the whole of Weir: what clients decode is what the origin has.

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "support/content.h"
#include "support/decoder.h"
#include "support/fixtures.h"
#include "support/http2_client.h"

namespace weir::test {
namespace {

const char* const kSite =
    "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\ncompress = [\"br\", \"gzip\"]\n";
const char* const kType = "&type=text/plain";

std::string content(std::uint64_t n, std::size_t size) {
  std::string bytes(size, ' ');
  fill_content(n, 0, bytes);
  return bytes;
}

Response ask(const Weir& weir, const std::string& target, const char* accept,
             std::vector<Field> fields = {}, std::string method = "GET", Reading reading = {}) {
  if (accept) fields.push_back({"Accept-Encoding", accept});
  reading.to_head = method == "HEAD";
  reading.keep = 16 << 20;
  return fetch(weir.port(), {.method = method, .target = target, .fields = fields}, reading);
}

// Whole, of that coding, and right when it is decoded.
void check_coded(const Response& r, const std::string& coding, const std::string& expected) {
  INFO(r.summary());
  CHECK(r.complete());
  CHECK(r.field("Content-Encoding") == coding);
  const Decoded decoded = decode(coding, r.body);
  CHECK(decoded.whole());
  CHECK((decoded.bytes == expected));
}

bool hit(const Response& r) { return r.field("Cache-Status").starts_with("weir; hit"); }

}  // namespace

TEST_CASE("Compression: one stored object answers clients of every coding") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string text = content(7, 300'000);
  const std::string target = std::string("/a?size=300000&n=7&cc=max-age=60&ranges=1") + kType;
  for (int round = 0; round < 3; ++round) {
    for (const char* coding : {"gzip", "br", ""}) {
      const Response r = ask(weir, target, coding);
      check_coded(r, coding, text);
      CHECK(r.field("Vary") == "Accept-Encoding");
      CHECK(r.field("ETag").starts_with(*coding ? "W/\"" : "\""));
      if (*coding) CHECK(r.field("Accept-Ranges") == "none");
      if (round > 0) CHECK(r.has("Content-Length"));  // the form is kept
      if (round > 0) CHECK(hit(r));
    }
  }
  check_coded(ask(weir, target, nullptr), "", text);
  check_coded(ask(weir, target, "gzip;q=1, br;q=0.5"), "gzip", text);
  CHECK(origin.requests(target) == 1);
  const std::string metrics = get(weir.admin_port(), "/metrics").body;
  CHECK(metrics.find("weir_compressed_bodies_total{coding=\"gzip\"} 1\n") != std::string::npos);
  CHECK(metrics.find("weir_compressed_bodies_total{coding=\"br\"} 1\n") != std::string::npos);
  CHECK(metrics.find("weir_compressed_responses_total{coding=\"gzip\"} 4\n") != std::string::npos);
}

TEST_CASE("Compression: many clients of one cold object, in three codings") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string text = content(3, 2'000'000);
  const std::string target = std::string("/m?size=2000000&n=3&cc=max-age=60&rate=4MiB") + kType;
  std::vector<std::thread> clients;
  std::vector<Response> got(24);
  const char* const codings[] = {"gzip", "br", ""};
  for (std::size_t i = 0; i < got.size(); ++i)
    clients.emplace_back([&, i] { got[i] = ask(weir, target, codings[i % 3]); });
  for (std::thread& client : clients) client.join();
  for (std::size_t i = 0; i < got.size(); ++i) check_coded(got[i], codings[i % 3], text);
  CHECK(origin.requests(target) == 1);
}

TEST_CASE("Compression: conditions hold for either form, and a 304 names that of the client") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string pages[] = {std::string("/c?size=5000&n=1&cc=max-age=60") + kType,
                               std::string("/p?size=5000&n=1&cc=no-store") + kType};
  for (const std::string& target : pages) {
    const std::string strong = ask(weir, target, "").field("ETag");
    CHECK(ask(weir, target, "br").field("ETag") == "W/" + strong);
    const Response coded = ask(weir, target, "br", {{"If-None-Match", "W/" + strong}});
    CHECK(coded.status == 304);
    CHECK(coded.field("ETag") == "W/" + strong);
    CHECK(coded.field("Vary") == "Accept-Encoding");
    CHECK_FALSE(coded.has("Content-Encoding"));
    const Response plain = ask(weir, target, "", {{"If-None-Match", strong}});
    CHECK(plain.status == 304);
    CHECK(plain.field("ETag") == strong);
    CHECK(ask(weir, target, "br", {{"If-None-Match", "\"other\""}}).status == 200);
  }
}

TEST_CASE("Compression: ranges are of the identity form, and never joined to another") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target =
      std::string("/r?size=50000&n=2&cc=max-age=60&ranges=1&lm=-1000s") + kType;
  const std::string text = content(2, 50'000);
  for (int round = 0; round < 2; ++round) {
    const Response part = ask(weir, target, "br", {{"Range", "bytes=100-199"}});
    CHECK(part.status == 206);
    CHECK_FALSE(part.has("Content-Encoding"));
    CHECK(part.body == text.substr(100, 100));
    CHECK(part.field("ETag").starts_with("\""));
    CHECK(part.field("Vary") == "Accept-Encoding");
    check_coded(ask(weir, target, "br"), "br", text);
  }
  const Response weak = ask(weir, target, "br", {});
  const Response whole =
      ask(weir, target, "br", {{"Range", "bytes=100-"}, {"If-Range", weak.field("ETag")}});
  CHECK(whole.status == 200);
  CHECK(whole.body == text);
  // A client may have a part of either form under one date.
  const Response dated =
      ask(weir, target, "br", {{"Range", "bytes=100-"}, {"If-Range", weak.field("Last-Modified")}});
  CHECK(dated.status == 200);
  check_coded(dated, "br", text);
}

TEST_CASE("Compression: HEAD says what GET would, and what is not compressed says nothing") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = std::string("/h?size=5000&n=1&cc=max-age=60") + kType;
  for (int round = 0; round < 2; ++round) {
    const Response head = ask(weir, target, "gzip", {}, "HEAD");
    CHECK(head.complete());
    CHECK(head.field("Content-Encoding") == "gzip");
    CHECK(head.field("Vary") == "Accept-Encoding");
    CHECK(head.field("ETag").starts_with("W/"));
    CHECK_FALSE(head.has("Content-Length"));
    CHECK(ask(weir, target, "gzip").complete());
  }
  const std::string others[] = {"/1?size=5000&n=1&type=image/jpeg",
                                std::string("/2?size=500&n=1") + kType,
                                std::string("/3?size=5000&n=1&field=Content-Encoding:zstd") + kType,
                                std::string("/4?size=5000&n=1&cc=no-transform") + kType,
                                "/5?size=5000&n=1&type=text/event-stream"};
  for (const std::string& other : others) {
    CAPTURE(other);
    const Response r = ask(weir, other, "gzip, br", {}, "GET", {.content = 1});
    CHECK(r.right());
    CHECK(r.count("Content-Encoding") == (other.find("zstd") == other.npos ? 0 : 1));
    CHECK_FALSE(r.has("Vary"));
    CHECK(r.field("ETag").starts_with("\""));
  }
}

TEST_CASE("Compression: a body that is cut is cut for the client, stored or passing") {
  const Origin origin;
  Weir weir(origin, kSite);
  for (const char* more : {"&cc=max-age=60&etag=none&lm=none", "&cc=no-store",
                           "&cc=no-store&chunked=1", "&cc=max-age=60&etag=none&chunked=1"}) {
    for (const char* coding : {"gzip", "br"}) {
      CAPTURE(std::string(more));
      const std::string target =
          std::string("/cut-") + coding + "?size=400000&n=4&cut_at=300000" + more + kType;
      const Response r = ask(weir, target, coding);
      CHECK(r.status == 200);
      CHECK_FALSE(r.complete());
      const Decoded decoded = decode(coding, r.body);
      CHECK_FALSE(decoded.ended);
      CHECK(content(4, 400'000).starts_with(decoded.bytes));
    }
  }
}

TEST_CASE("Compression: what trickles arrives before the end") {
  const Origin origin;
  Weir weir(origin, kSite);
  for (const char* cache : {"no-store", "max-age=60"}) {
    for (const char* coding : {"gzip", "br"}) {
      const std::string target = std::string("/t-") + coding +
                                 "?size=9000&n=5&pause_at=2000&pause=3s&chunked=1&cc=" + cache +
                                 kType;
      Client client(weir.port());
      CHECK(client.send({.target = target, .fields = {{"Accept-Encoding", coding}}}));
      Response r = client.receive_head();
      CHECK(r.status == 200);
      do {
        client.receive_body(r, {.stop_at = r.body_bytes + 1, .timeout = Millis(1500)});
      } while (r.end == End::kStopped && decode(coding, r.body).bytes.size() < 2000);
      CHECK(r.end == End::kStopped);  // and not the end, nor a time-out
      CHECK((decode(coding, r.body).bytes == content(5, 2000)));
      client.receive_body(r, {});
      check_coded(r, coding, content(5, 9000));
    }
  }
}

TEST_CASE("Compression: a slow client of a passing response gets all of it") {
  const Origin origin;
  Weir weir(origin, kSite);
  const std::string target = std::string("/s?size=3000000&n=6&cc=no-store") + kType;
  const Response r = ask(weir, target, "gzip", {}, "GET", {.rate = 2 << 20});
  check_coded(r, "gzip", content(6, 3'000'000));
}

TEST_CASE("Compression: rules turn it on and off, and the origin may be asked for the identity") {
  const Origin origin;
  Weir weir(origin,
            "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n"
            "[[site.rule]]\npaths = \"/on/*\"\ncompress = \"gzip\"\n"
            "request_remove = \"Accept-Encoding\"\n"
            "[[site.rule]]\npaths = \"/on/off/*\"\ncompress = \"off\"\n");
  const std::string query = std::string("?size=5000&n=1&cc=max-age=60") + kType;
  check_coded(ask(weir, "/on/a" + query, "br, gzip"), "gzip", content(1, 5000));
  CHECK_FALSE(origin.last_field("Accept-Encoding").has_value());
  check_coded(ask(weir, "/on/off/a" + query, "br, gzip"), "", content(1, 5000));
  const Response off = ask(weir, "/a" + query, "br, gzip");
  CHECK_FALSE(off.has("Content-Encoding"));
  CHECK_FALSE(off.has("Vary"));
}

TEST_CASE("Compression: without memory for it, responses go as they are") {
  const Origin origin;
  Weir weir(origin, std::string("[server]\ncompress_memory = \"0 B\"\n") + kSite);
  const Response r = ask(weir, std::string("/a?size=5000&n=1&cc=max-age=60") + kType, "gzip");
  check_coded(r, "", content(1, 5000));
  CHECK(r.field("Vary") == "Accept-Encoding");
  CHECK(r.field("ETag").starts_with("\""));
}

TEST_CASE("Compression: over HTTP/2") {
  const Origin origin;
  Weir weir(origin, kSite);
  Http2Client client(Http2Client::connect(weir.port()));
  for (const char* cache : {"max-age=60", "no-store"}) {
    for (const char* coding : {"br", "gzip", "br"}) {
      const std::string path = std::string("/a?size=200000&n=7&cc=") + cache + kType;
      const auto id = client.ask({.path = path, .fields = {{"accept-encoding", coding}}});
      CHECK(client.until([&] { return client.answer(id).closed; }));
      const Http2Answer& answer = client.answer(id);
      CHECK(answer.right());
      CHECK(answer.field("content-encoding") == coding);
      const Decoded decoded = decode(coding, answer.body);
      CHECK(decoded.whole());
      CHECK(decoded.bytes == content(7, 200'000));
    }
  }
  const auto cut =
      client.ask({.path = std::string("/cut?size=400000&n=4&cut_at=300000&cc=no-store") + kType,
                  .fields = {{"accept-encoding", "gzip"}}});
  CHECK(client.until([&] { return client.answer(cut).closed; }));
  CHECK_FALSE(client.answer(cut).ended);
}

}  // namespace weir::test
