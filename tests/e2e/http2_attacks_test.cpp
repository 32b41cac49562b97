// HTTP/2 from clients that mean harm: floods, each ended by a reason of its own, and requests that
// would be others in HTTP/1.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "support/fixtures.h"
#include "support/http2_wire.h"

namespace weir::test {
namespace {

using namespace std::string_literals;
using namespace h2;

std::uint64_t closed(Weir& weir, const std::string& reason) {
  return weir.status().at("connections").at("closed").value(reason, std::uint64_t{0});
}

const std::string kSlow = "/slow?size=3&delay=2s";

struct Flood {
  const char* what;
  std::function<std::string(std::uint32_t)> frames;  // the n-th
  const char* reason;
};

std::vector<Flood> floods() {
  const auto open_post = [] {
    std::vector<Header> head = get("/up?size=3");
    head[0].second = "POST";
    return headers(1, head, kEndHeaders);
  };
  return {
      {"rapid reset (CVE-2023-44487)",
       [](std::uint32_t n) { return headers(2 * n + 1, get(kSlow)) + rst(2 * n + 1); },
       "rapid_reset"},
      {"made you reset (CVE-2025-8671): too much credit",
       [](std::uint32_t n) {
         return headers(2 * n + 1, get(kSlow)) +
                frame(kWindowUpdate, 0, 2 * n + 1, number(0x7fffffff));
       },
       "provoked_resets"},
      {"made you reset: malformed requests",
       [](std::uint32_t n) {
         auto head = get(kSlow);
         head.emplace_back("connection", "close");
         return headers(2 * n + 1, head);
       },
       "provoked_resets"},
      {"PING (CVE-2019-9512)", [](std::uint32_t) { return frame(kPing, 0, 0, "12345678"); },
       "control_flood"},
      {"SETTINGS (CVE-2019-9515)", [](std::uint32_t) { return frame(kSettings, 0, 0); },
       "control_flood"},
      {"PRIORITY (CVE-2019-9513)",
       [](std::uint32_t) { return frame(kPriority, 0, 1, std::string(5, '\0')); }, "control_flood"},
      {"CONTINUATION (CVE-2024-27316)",
       [](std::uint32_t n) {
         return n == 0 ? frame(kHeaders, kEndStream, 1, hpack(get(kSlow)))
                       : frame(kContinuation, 0, 1, hpack({{"a" + std::to_string(n), "b"}}));
       },
       "continuation_flood"},
      {"empty DATA (CVE-2019-9518)",
       [=](std::uint32_t n) { return n == 0 ? open_post() : frame(kData, 0, 1); }, "empty_frames"},
      {"a small head that unpacks to a large one",
       [](std::uint32_t n) {
         // One entry of 4000 bytes in the dynamic table (RFC 7541 §6.2.1), then its index.
         if (n > 0) return ""s;
         const std::string entry =
             "\x40" + hpack_length(1) + "a" + hpack_length(4000) + std::string(4000, 'b');
         return frame(kHeaders, kEndHeaders | kEndStream, 1,
                      hpack(get(kSlow)) + entry + std::string(1000, '\xbe'));
       },
       "header_bomb"},
  };
}

}  // namespace

TEST_CASE("HTTP/2: floods end their connection by a reason of its own, and nobody else's") {
  const Origin origin;
  Weir weir(origin);
  Http2Wire bystander(weir.port());
  bystander.tell(hello());
  for (const Flood& flood : floods()) {
    CAPTURE(std::string(flood.what));
    const std::uint64_t before = closed(weir, flood.reason);
    {
      Http2Wire wire(weir.port());
      std::string all = hello();
      for (std::uint32_t n = 0; n < 1000; ++n) all += flood.frames(n);
      wire.tell(all);
      const auto goaway = wire.wait_for([](const Frame& f) { return f.type == kGoaway; });
      REQUIRE(goaway);
      CHECK(number_at(goaway->payload, 4) == kEnhanceYourCalm);
      CHECK(wire.frames().front().type == kSettings);
      CHECK(wire.wait_for_end());
    }
    CHECK(eventually([&] { return closed(weir, flood.reason) == before + 1; }));
  }
  CHECK(bystander.lives());
}

TEST_CASE("HTTP/2: what honest clients do much of is no flood") {
  const Origin origin;
  Weir weir(origin);
  Http2Wire wire(weir.port());
  std::string all = hello();
  // A page is left: all that was asked for is reset at once.
  for (std::uint32_t n = 0; n < 128; ++n) all += headers(2 * n + 1, get(kSlow));
  for (std::uint32_t n = 0; n < 128; ++n) all += rst(2 * n + 1);
  for (int n = 0; n < 100; ++n) all += frame(kWindowUpdate, 0, 0, number(1));
  wire.tell(all);
  CHECK(wire.lives());
}

TEST_CASE("HTTP/2: no request becomes another one on its way to the origin") {
  const Origin origin;
  Weir weir(origin);
  struct Row {
    const char* what;
    std::vector<Header> head;
    const char* status;  // as HPACK's static table has it, or "": reset
  };
  const auto with = [](std::vector<Header> more) {
    std::vector<Header> head = get("/smuggled");
    head.insert(head.end(), more.begin(), more.end());
    return head;
  };
  const auto path = [](std::string value) { return get(std::move(value)); };
  const auto authority = [](std::string value) {
    std::vector<Header> head = get("/smuggled");
    head[2].second = std::move(value);
    return head;
  };
  const auto method = [](std::string value) {
    std::vector<Header> head = get("/smuggled");
    head[0].second = std::move(value);
    return head;
  };
  const std::string second = " HTTP/1.1\r\nHost: b\r\n\r\nGET /smuggled";
  const char* const reset = "";
  const char* const bad = "\x8c";  // 400
  const Row rows[] = {
      {"Transfer-Encoding", with({{"transfer-encoding", "chunked"}}), reset},
      {"Transfer-Encoding beside a length",
       with({{"content-length", "0"}, {"transfer-encoding", "chunked"}}), reset},
      {"Connection that names Host", with({{"connection", "host"}}), reset},
      {"Upgrade", with({{"upgrade", "websocket"}}), reset},
      {"HTTP2-Settings' way", with({{"connection", "upgrade, http2-settings"}}), reset},
      {"a field within a value", with({{"a", "b\r\nTransfer-Encoding: chunked"}}), reset},
      {"a field within a name", with({{"a: b\r\ntransfer-encoding", "chunked"}}), reset},
      {"a bare CR", with({{"a", "b\rc"}}), reset},
      {"a bare LF", with({{"a", "b\nc"}}), reset},
      {"NUL", with({{"a", "b\0c"s}}), reset},
      {"a request within the path", path("/smuggled" + second), reset},
      {"a request within the method", method("GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\nGET"),
       reset},
      {"a space in the path", path("/smuggled /b"), reset},
      {"a fragment is no part of it", path("/smuggled#x"), bad},
      {"an absolute path", path("http://b/smuggled"), reset},
      {"a field within the authority", authority("a\r\nX: y"), reset},
      {"userinfo", authority("user@a"), bad},
      {"a path within the authority", authority("a/b"), reset},
      {"an empty authority", authority(""), reset},
      {"Host that says something else", with({{"host", "b"}}), bad},
      {"two Hosts", with({{"host", "a"}, {"host", "b"}}), reset},
      {"two lengths", with({{"content-length", "0"}, {"content-length", "5"}}), reset},
      {"a length as a list", with({{"content-length", "0, 0"}}), reset},
      {"a length with a sign", with({{"content-length", "+0"}}), reset},
      {"a length and no body", with({{"content-length", "5"}}), reset},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Http2Wire wire(weir.port());
    wire.tell(hello() + headers(1, row.head));
    const auto said = wire.wait_for([](const Frame& f) {
      return f.type == kGoaway || (f.id == 1 && (f.type == kHeaders || f.type == kRstStream));
    });
    REQUIRE(said);
    CHECK(int{said->type} == (row.status == reset ? kRstStream : kHeaders));
    if (row.status != reset) CHECK(said->payload.substr(0, 1) == row.status);
    CHECK(wire.lives());
  }
  CHECK(origin.count("total") == 0);
}

TEST_CASE("HTTP/2: what the origin sees is one plain request of HTTP/1.1") {
  const Origin origin;
  Weir weir(origin);
  Http2Wire wire(weir.port());
  wire.tell(hello() + headers(1, {{":method", "GET"},
                                  {":scheme", "http"},
                                  {":authority", "A.Example"},
                                  {":path", "/plain?size=3"},
                                  {"cookie", "a=1"},
                                  {"x-b", "2"},
                                  {"te", "trailers"},
                                  {"cookie", "c=3"}}));
  REQUIRE(wire.wait_for([](const Frame& f) { return f.type == kData && f.flags == kEndStream; }));
  CHECK(origin.last_field("Host") == "a.example");
  CHECK(origin.last_field("Cookie") == "a=1; c=3");
  CHECK(origin.last_field("X-B") == "2");
  CHECK_FALSE(origin.last_field("TE").has_value());
  CHECK_FALSE(origin.last_field(":path").has_value());
  CHECK_FALSE(origin.last_field("Transfer-Encoding").has_value());
}

}  // namespace weir::test
