// What a client of HTTP/2 may not make Weir do or keep.

#include "http2_stage.h"

using namespace weir;
using namespace weir::front;
using delivery::CloseReason;

TEST_CASE("floods end the connection with ENHANCE_YOUR_CALM, each by its own reason") {
  struct Case {
    std::string what;
    std::function<std::string(std::uint32_t)> frame;  // the n-th
    CloseReason reason;
  };
  const std::string open_head = h2::frame(h2::kHeaders, 0, 1, h2::hpack(h2::get("/1")));
  const Case cases[] = {
      {"rapid reset (CVE-2023-44487)",
       [](std::uint32_t n) {
         return h2::headers(2 * n + 1, h2::get("/wait")) + h2::rst(2 * n + 1);
       },
       CloseReason::kRapidReset},
      {"made you reset (CVE-2025-8671)",
       [](std::uint32_t n) {
         return h2::headers(2 * n + 1, h2::get("/wait")) +
                h2::frame(h2::kWindowUpdate, 0, 2 * n + 1, h2::number(0x7fffffff));
       },
       CloseReason::kProvokedResets},
      {"PING", [](std::uint32_t) { return h2::frame(h2::kPing, 0, 0, "12345678"); },
       CloseReason::kControlFlood},
      {"SETTINGS", [](std::uint32_t) { return h2::frame(h2::kSettings, 0, 0); },
       CloseReason::kControlFlood},
      {"PRIORITY",
       [](std::uint32_t) { return h2::frame(h2::kPriority, 0, 1, std::string(5, '\0')); },
       CloseReason::kControlFlood},
      {"CONTINUATION (CVE-2024-27316)",
       [&](std::uint32_t n) {
         return n == 0 ? open_head
                       : h2::frame(h2::kContinuation, 0, 1,
                                   h2::hpack({{"a" + std::to_string(n), "b"}}));
       },
       CloseReason::kContinuationFlood},
      {"empty DATA",
       [](std::uint32_t n) {
         return n == 0 ? h2::headers(1, h2::get("/wait"), h2::kEndHeaders)
                       : h2::frame(h2::kData, 0, 1);
       },
       CloseReason::kEmptyFrames},
      {"DATA of padding",
       [](std::uint32_t n) {
         return n == 0 ? h2::headers(1, h2::get("/wait"), h2::kEndHeaders)
                       : h2::frame(h2::kData, h2::kPadded, 1, std::string("\3\0\0\0", 4));
       },
       CloseReason::kEmptyFrames},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Stage stage(hasty());
    Client client = stage.connect();
    client.tell(h2::hello());
    std::uint32_t n = 0;
    while (n < 2000 && !client.ended) {
      std::string some;
      for (int i = 0; i < 50; ++i) some += c.frame(n++);
      client.tell(some);
      stage.settle();
      client.read();
    }
    CHECK(n >= 50);
    CHECK(h2::goaway_code(client.got) == h2::kEnhanceYourCalm);
    client.half_close();
    REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
    CHECK(closed(stage, c.reason) == 1);
  }
}

namespace {

// With windows that nothing shuts but the kernel's.
std::string wide_hello() {
  return h2::kPreface + h2::frame(h2::kSettings, 0, 0, h2::number(4, 2) + h2::number(0x7fffffff)) +
         h2::frame(h2::kWindowUpdate, 0, 0, h2::number(0x7ff00000));
}

}  // namespace

TEST_CASE("who takes nothing cannot have us keep what his frames provoke") {
  Stage stage(hasty());
  Client client = stage.connect();
  client.tell(wide_hello() + h2::headers(1, h2::get("/100000000")));
  stage.settle();
  // None of these is answered, since nothing is taken; later ones would be refused one by one.
  for (std::uint32_t n = 1; n < 10'000;) {
    std::string some;
    for (int i = 0; i < 200; ++i) some += h2::headers(2 * n++ + 1, h2::get("/wait"));
    client.tell(some);
    stage.settle();
  }
  client.half_close();
  REQUIRE(stage.until([&] { return client.read(), stage.frontend.sessions() == 0; }));
  CHECK(closed(stage, CloseReason::kControlFlood) == 1);
}

TEST_CASE("a request that came before our GOAWAY could be told is not begun") {
  Stage stage(hasty());
  Client client = stage.connect();
  client.tell(wide_hello() + h2::headers(1, h2::get("/100000000")));
  stage.settle();
  stage.frontend.drain();
  stage.pass(1500ms);  // it has been said, as far as Weir can
  client.tell(h2::headers(3, h2::get("/7")));
  stage.pass(50ms);
  client.half_close();
  REQUIRE(stage.until([&] { return client.read(), stage.frontend.sessions() == 0; }));
  const Ending* late = stage.ending("/7");
  REQUIRE(late);
  CHECK(late->error->code == Errc::kDraining);
  CHECK(client.got.find(std::string(7, 'x') + "\n") == std::string::npos);
}

TEST_CASE("a small head that unpacks to a large one is a bomb") {
  Stage stage(hasty());
  Client client = stage.connect();
  // One entry of 4000 bytes in the dynamic table (RFC 7541 §6.2.1), then its index again and again.
  std::string block = h2::hpack(h2::get("/1"));
  block.append("\x40").append(h2::hpack_length(1)).append("a");
  block.append(h2::hpack_length(4000)).append(std::string(4000, 'b'));
  block.append(1000, '\xbe');
  client.tell(h2::hello() + h2::frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, block));
  REQUIRE(stage.until([&] { return client.read(); }));
  CHECK(h2::goaway_code(client.got) == h2::kEnhanceYourCalm);
  client.half_close();
  REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
  CHECK(closed(stage, CloseReason::kHeaderBomb) == 1);
}
