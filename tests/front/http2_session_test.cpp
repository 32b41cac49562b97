#include "http2_stage.h"

using namespace weir;
using namespace weir::front;
using delivery::CloseReason;
using delivery::Proof;

namespace {

std::uint64_t read_all(const Ref<body::Body>& body, body::BodyReader& reader) {
  std::uint64_t bytes = 0;
  for (;;) {
    body::Next next = reader.next(body::kChunkSize);
    const auto* lease = std::get_if<body::Lease>(&next);
    if (!lease) return body->failed() ? 0 : bytes;
    bytes += lease->bytes.size();
    reader.advance(lease->bytes.size());
  }
}

struct Nobody final : body::Waiter {
  void wake() noexcept override {}
};

}  // namespace

TEST_CASE("the first bytes say which protocol is spoken, in whatever pieces they come") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{1000}}) {
    CAPTURE(piece);
    Stage stage;
    Client client = stage.connect();
    const std::string all = h2::hello() + h2::headers(1, h2::get("/5"));
    for (std::size_t at = 0; at < all.size(); at += piece) {
      client.tell(std::string_view(all).substr(at, piece));
      if (piece < 100) stage.settle();
    }
    REQUIRE(stage.until([&] { return client.read(), client.got.ends_with("xxxxx"); }));
    CHECK(stage.stats.http2.get() == 1);
    CHECK(stage.stats.streams.get() == 1);
  }
}

TEST_CASE("what only begins like the preface is HTTP/1") {
  Stage stage;
  Client client = stage.connect();
  client.tell("P");
  stage.settle();
  client.tell("OST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(stage.until([&] { return client.read(), client.answers() == 1; }));
  client.tell("PRI * HTTP/2.0\r\n\r\n");  // not the first bytes any more
  CHECK(stage.until([&] { return client.read(), client.answers("400") == 1; }));
}

TEST_CASE("a listener without HTTP/2 says so") {
  Stage stage({}, {.http2 = false});
  Client client = stage.connect();
  client.tell(h2::hello());
  CHECK(stage.until([&] { return client.read(), client.answers("400") == 1; }));
}

TEST_CASE("a hundred streams at once are all answered whole, and their receipts are proven") {
  Stage stage(hasty());
  H2 h2c(stage);
  for (int i = 0; i < 100; ++i) h2c.get("/" + std::to_string(i * 1777));
  REQUIRE(h2c.until([&] { return h2c.client.all_closed(); }));
  for (int i = 0; i < 100; ++i) {
    const auto& a = h2c.client.answer(2 * i + 1);
    CHECK(a.status == 200);
    CHECK(a.right());
    CHECK(a.bytes == static_cast<std::uint64_t>(i) * 1777);
    CHECK(a.field("content-length") == std::to_string(i * 1777));
  }
  REQUIRE(h2c.until([&] { return stage.answers.done.size() == 100; }));
  for (const auto& done : stage.answers.done) {
    CHECK(done.ending.complete);
    CHECK(done.ending.receipt.complete);
    CHECK(done.ending.receipt.proof == Proof::kAcknowledged);
    CHECK("/" + std::to_string(done.ending.receipt.body_acked) == done.target);
    CHECK(done.ending.close == CloseReason::kOpen);
  }
}

TEST_CASE("a stream without credit is reset after zero_window_timeout while its siblings go on") {
  Settings settings = hasty();
  settings.delivery.zero_window_timeout = 300ms;
  Stage stage(settings);
  H2 h2c(stage, {.stream_window = 20'000});
  const auto stuck = h2c.get("/100000");
  h2c.client.hold(stuck);
  int answered = 0;
  std::int32_t live = h2c.get("/50000");
  REQUIRE(h2c.until([&] {
    if (h2c.client.answer(live).closed) {
      CHECK(h2c.client.answer(live).right());
      ++answered;
      live = h2c.get("/50000");
    }
    return h2c.client.answer(stuck).closed;
  }));
  CHECK(answered > 3);
  CHECK_FALSE(h2c.client.answer(stuck).ended);
  CHECK(h2c.client.answer(stuck).code == h2::kCancel);
  CHECK(h2c.client.answer(stuck).bytes == 20'000);
  const Ending* ending = stage.ending("/100000");
  REQUIRE(ending);
  CHECK(ending->close == CloseReason::kNoCredit);
  CHECK_FALSE(ending->receipt.complete);
  CHECK(ending->receipt.body_acked == 20'000);
  CHECK(ending->receipt.standstill >= 200ms);
  CHECK(stage.stats.resets[static_cast<std::size_t>(StreamReset::kNoCredit)].get() == 1);
  REQUIRE(h2c.until([&] { return h2c.client.answer(live).closed; }));
  CHECK(h2c.client.answer(live).right());
}

TEST_CASE("a stream without credit is what an operator sees of its connection") {
  Stage stage(hasty());
  H2 h2c(stage, {.stream_window = 20'000});
  const auto stuck = h2c.get("/100000");
  h2c.client.hold(stuck);
  const auto will = [&] {
    const auto views = stage.frontend.worth_a_look(1);
    return views.empty() ? std::string_view() : views[0].will;
  };
  REQUIRE(h2c.until([&] { return will() == "no_credit"; }));
  stage.pass(100ms);
  const ConnectionView view = stage.frontend.worth_a_look(1).at(0);
  CHECK(view.http2);
  CHECK(view.request.ends_with("/100000"));
  CHECK(view.requests == 1);
  CHECK(view.will == "no_credit");
  CHECK(view.still > 0s);
}

TEST_CASE("credit that comes late lets the stream go on") {
  Settings settings = hasty();
  settings.delivery.zero_window_timeout = 10s;
  Stage stage(settings);
  H2 h2c(stage, {.stream_window = 20'000});
  const auto slow = h2c.get("/100000");
  h2c.client.hold(slow);
  REQUIRE(h2c.until([&] { return h2c.client.answer(slow).bytes == 20'000; }));
  stage.pass(100ms);
  h2c.client.release(slow);
  REQUIRE(h2c.until([&] { return h2c.client.answer(slow).closed; }));
  CHECK(h2c.client.answer(slow).right());
}

TEST_CASE("malformed requests are reset, the connection lives") {
  using Lines = std::vector<h2::Header>;
  const auto with = [](Lines more) {
    Lines lines = h2::get("/1");
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
  };
  struct Case {
    std::string what;
    Lines lines;
  };
  const Case cases[] = {
      {"upper case", with({{"X-Upper", "1"}})},
      {"LF in a value", with({{"a", "b\nc"}})},
      {"CR in a value", with({{"a", "b\rc"}})},
      {"NUL in a value", with({{"a", std::string("b\0c", 3)}})},
      {"space around a value", with({{"a", " b"}})},
      {"Connection", with({{"connection", "close"}})},
      {"Transfer-Encoding", with({{"transfer-encoding", "chunked"}})},
      {"Upgrade", with({{"upgrade", "h2c"}})},
      {"TE", with({{"te", "gzip"}})},
      {"two paths", with({{":path", "/2"}})},
      {"late pseudo-field", {{":method", "GET"}, {"a", "b"}, {":scheme", "http"}, {":path", "/1"}}},
      {"no path", {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}},
      {"a body that does not come", with({{"content-length", "5"}})},
      {"two lengths", with({{"content-length", "0"}, {"content-length", "0"}})},
      {"a status", with({{":status", "200"}})},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Stage stage;
    Client client = stage.connect();
    client.tell(h2::hello() + h2::headers(1, c.lines) + h2::headers(3, h2::get("/5")));
    REQUIRE(stage.until([&] { return client.read(), client.got.ends_with("xxxxx"); }));
    CHECK(h2::rst_code(client.got, 1) == h2::kProtocolError);
    CHECK(stage.answers.sent == 1);
    REQUIRE(stage.answers.done.size() == 1);
    CHECK(stage.answers.done[0].ending.error);
    CHECK(stage.answers.done[0].ending.status == 0);
  }
}

TEST_CASE("a request that is understood and not served is answered") {
  struct Case {
    std::vector<std::pair<std::string, std::string>> fields;
    std::string path;
    int status;
    std::size_t head_max = 64 * 1024;
  };
  const Case cases[] = {
      {{{"host", "b"}}, "/1", 400},
      {{{"expect", "miracles"}}, "/1", 417},
      {{}, "/" + std::string(9000, 'a'), 414},
      {{{"a", std::string(10'000, 'x')}, {"b", std::string(10'000, 'x')}}, "/1", 431, 16'000},
  };
  for (const Case& c : cases) {
    CAPTURE(c.status);
    Settings settings;
    settings.limits.head_bytes = c.head_max;
    Stage stage(settings);
    H2 h2c(stage);
    const auto id = h2c.client.ask({.path = c.path, .fields = c.fields});
    REQUIRE(h2c.until([&] { return h2c.client.answer(id).closed; }));
    CHECK(h2c.client.answer(id).status == c.status);
    CHECK(h2c.client.answer(id).right());
  }
}

TEST_CASE("who breaks the rules of the connection is told which code") {
  struct Case {
    std::string what;
    std::string bytes;
    std::uint32_t code;
  };
  const Case cases[] = {
      {"§5.1.1 an even stream", h2::hello() + h2::headers(2, h2::get("/1")), h2::kProtocolError},
      {"§6.10 CONTINUATION of nothing", h2::hello() + h2::frame(h2::kContinuation, 4, 1),
       h2::kProtocolError},
      {"§4.2 a frame too large", h2::hello() + h2::frame(h2::kPing, 0, 0, std::string(20'000, 'x')),
       6},
      {"§6.9 too much credit",
       h2::hello() + h2::frame(h2::kWindowUpdate, 0, 0, h2::number(0x7fffffff)),
       h2::kFlowControlError},
      {"§4.3 bad HPACK", h2::hello() + h2::frame(h2::kHeaders, 5, 1, "\xff\xff\xff\xff\xff"), 9},
      {"§8.4 PUSH_PROMISE", h2::hello() + h2::frame(h2::kPushPromise, 4, 1, h2::number(2)),
       h2::kProtocolError},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Stage stage(hasty());
    Client client = stage.connect();
    client.tell(c.bytes);
    REQUIRE(stage.until([&] { return client.read(); }));
    CHECK(h2::goaway_code(client.got) == c.code);
    CHECK(h2::frames(client.got).front().type == h2::kSettings);  // §3.4
    client.half_close();
    REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
    CHECK(closed(stage, CloseReason::kHttp2Error) == 1);
  }
}

TEST_CASE("a request body reaches the origin whole, or as a cut") {
  struct Case {
    std::string what;
    std::string length;
    std::vector<std::string> frames;
    bool whole;
    std::uint64_t bytes;
  };
  const auto data = [](std::string_view text, int flags) {
    return h2::frame(h2::kData, flags, 1, text);
  };
  const std::string trailers = h2::frame(h2::kHeaders, 5, 1, h2::hpack({{"x-trailer", "1"}}));
  const Case cases[] = {
      {"as long as it said", "6", {data("abc", 0), data("def", h2::kEndStream)}, true, 6},
      {"of no length", "", {data("abc", 0), data("", h2::kEndStream)}, true, 3},
      {"ended by trailers", "", {data("abc", 0), trailers}, true, 3},
      {"too short (RFC 9113 §8.1.1)", "6", {data("abc", h2::kEndStream)}, false, 0},
      {"too long", "2", {data("abc", h2::kEndStream)}, false, 0},
      {"reset", "6", {data("abc", 0), h2::rst(1)}, false, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Stage stage;
    Nobody waiter;
    Client client = stage.connect();
    auto head = h2::get("/wait");
    head[0].second = "POST";
    if (!c.length.empty()) head.emplace_back("content-length", c.length);
    client.tell(h2::hello() + h2::headers(1, head, h2::kEndHeaders));
    REQUIRE(stage.until([&] { return !stage.answers.waiting.empty(); }));
    const Ref<body::Body> body = stage.answers.waiting[0]->request_body();
    REQUIRE(body);
    body::BodyReader reader(body, 0, body::kUnlimited, waiter);
    std::string all;
    for (const std::string& frame : c.frames) all += frame;
    client.tell(all);
    stage.settle();
    CHECK(body->failed() != c.whole);
    if (c.whole) {
      CHECK(read_all(body, reader) == c.bytes);
      CHECK(body->total() == c.bytes);
      stage.answers.answer(*stage.answers.waiting[0], 5);
      CHECK(stage.until([&] { return client.read(), client.got.ends_with("xxxxx"); }));
    } else {
      CHECK_FALSE(body->complete());
    }
  }
}

TEST_CASE("an upload that nobody reads is stopped by credit, and its siblings are not") {
  Settings settings = hasty();
  settings.body_window = 256 * 1024;
  Stage stage(settings);
  H2 h2c(stage);
  const auto up =
      h2c.client.ask({.method = "POST", .path = "/wait", .body = std::string(4 << 20, 'u')});
  REQUIRE(h2c.until([&] { return !stage.answers.waiting.empty(); }));
  const Ref<body::Body> body = stage.answers.waiting[0]->request_body();
  Nobody waiter;
  body::BodyReader reader(body, 0, body::kUnlimited, waiter);
  const auto other =
      h2c.client.ask({.method = "POST", .path = "/9", .body = std::string(100'000, 'o')});
  REQUIRE(h2c.until([&] { return h2c.client.answer(other).ended; }));
  stage.pass(100ms);
  h2c.until([] { return true; });
  CHECK(body->present() <= 2 * settings.body_window + body::kChunkSize);
  std::uint64_t got = 0;
  REQUIRE(h2c.until([&] { return (got += read_all(body, reader)) == 4 << 20; }));
  stage.answers.answer(*stage.answers.waiting[0], 3);
  REQUIRE(h2c.until([&] { return h2c.client.answer(up).closed; }));
  CHECK(h2c.client.answer(up).right());
}

TEST_CASE("a response that is short of what it said ends in INTERNAL_ERROR, never as whole") {
  Stage stage;
  H2 h2c(stage);
  const auto id = h2c.get("/wait");
  REQUIRE(h2c.until([&] { return !stage.answers.waiting.empty(); }));
  stage.answers.waiting[0]->reply(
      {.body = body::text_body(stage.source, std::string(1000, 'x')), .length = 2000});
  REQUIRE(h2c.until([&] { return h2c.client.answer(id).closed; }));
  CHECK_FALSE(h2c.client.answer(id).ended);
  CHECK(h2c.client.answer(id).code == h2::kInternalError);
  CHECK(stage.ending("/wait")->error == Error{Errc::kOriginCut});
  CHECK_FALSE(stage.ending("/wait")->complete);
}

TEST_CASE("HEAD, 204 and 304 have no body, interim responses come before") {
  for (const auto& [method, status] :
       {std::pair{"HEAD", 200}, std::pair{"GET", 204}, std::pair{"GET", 304}}) {
    Stage stage;
    H2 h2c(stage);
    const auto id = h2c.client.ask({.method = method, .path = "/wait"});
    REQUIRE(h2c.until([&] { return !stage.answers.waiting.empty(); }));
    Stream& stream = *stage.answers.waiting[0];
    http::Fields hints;
    hints.add("Link", "</a>");
    stream.inform(103, hints);
    http::Fields fields;
    fields.add("X-Upper", "Y");
    fields.add("Connection", "X-Gone");
    fields.add("Keep-Alive", "5");
    stream.reply({.status = status, .fields = &fields, .length = 7});
    REQUIRE(h2c.until([&] { return h2c.client.answer(id).closed; }));
    const auto& a = h2c.client.answer(id);
    CHECK(a.right());
    CHECK(a.status == status);
    CHECK(a.interim == std::vector<int>{103});
    CHECK(a.bytes == 0);
    CHECK(a.field("x-upper") == "Y");
    CHECK(a.field("connection") == "");
    CHECK(a.field("content-length") == (status == 200 ? "7" : ""));
    REQUIRE(h2c.until([&] { return stage.answers.sent == 1; }));
  }
}

TEST_CASE("100-continue is said, and a body that nobody wants any more is reset without an error") {
  Stage stage;
  H2 h2c(stage);
  const auto id = h2c.client.ask({.method = "POST",
                                  .path = "/wait",
                                  .fields = {{"expect", "100-continue"}, {"content-length", "9"}},
                                  .body = "abc",
                                  .endless = true});
  REQUIRE(h2c.until([&] { return h2c.client.answer(id).interim == std::vector<int>{100}; }));
  stage.answers.answer(*stage.answers.waiting[0], 4);
  REQUIRE(h2c.until([&] { return h2c.client.answer(id).closed; }));
  CHECK(h2c.client.answer(id).right());
  CHECK(stage.stats.resets[static_cast<std::size_t>(StreamReset::kUnwanted)].get() == 1);
}

TEST_CASE("a client that resets a stream ends that one only") {
  Stage stage;
  H2 h2c(stage);
  const auto gone = h2c.get("/wait/1");
  const auto kept = h2c.get("/wait/2");
  REQUIRE(h2c.until([&] { return stage.answers.waiting.size() == 2; }));
  h2c.client.reset(gone);
  REQUIRE(h2c.until([&] { return stage.ending("/wait/1") != nullptr; }));
  CHECK(stage.ending("/wait/1")->error == Error{Errc::kClientGone});
  stage.answers.answer(*stage.answers.waiting[1], 10);
  REQUIRE(h2c.until([&] { return h2c.client.answer(kept).closed; }));
  CHECK(h2c.client.answer(kept).right());
}

TEST_CASE("a drained connection says so twice and serves what is under way") {
  Stage stage(hasty());
  H2 h2c(stage);
  const auto id = h2c.get("/wait");
  REQUIRE(h2c.until([&] { return !stage.answers.waiting.empty(); }));
  stage.frontend.drain();
  REQUIRE(h2c.until([&] { return h2c.client.goaways() == 2; }));
  CHECK(h2c.client.goaway_code() == h2::kNoError);
  stage.answers.answer(*stage.answers.waiting[0], 100'000);
  REQUIRE(h2c.until([&] { return h2c.client.answer(id).closed; }));
  CHECK(h2c.client.answer(id).right());
  REQUIRE(h2c.until([&] { return h2c.client.ended(); }));
  CHECK(closed(stage, CloseReason::kDraining) + stage.frontend.sessions() == 1);
}

TEST_CASE("a connection without streams ends after idle_timeout, whatever it pings") {
  Settings settings = hasty();
  settings.idle_timeout = 200ms;
  Stage stage(settings);
  H2 h2c(stage);
  const auto id = h2c.get("/5");
  REQUIRE(h2c.until([&] { return h2c.client.answer(id).closed; }));
  REQUIRE(h2c.until([&] { return h2c.client.ended(); }));
  CHECK(h2c.client.goaways() == 1);
  CHECK(h2c.client.goaway_code() == h2::kNoError);
}

TEST_CASE("a head that does not come whole ends the connection after head_timeout") {
  Settings settings = hasty();
  settings.request.head_timeout = 200ms;
  Stage stage(settings);
  Client client = stage.connect();
  client.tell(h2::hello() + h2::frame(h2::kHeaders, 0, 1, h2::hpack(h2::get("/1"))));
  REQUIRE(stage.until([&] { return client.read(); }));
  CHECK(h2::goaway_code(client.got) == h2::kEnhanceYourCalm);
}

TEST_CASE("what becomes of other streams leaves a head its time, and takes none from others") {
  Settings settings = hasty();
  settings.request.head_timeout = 200ms;
  const std::vector<h2::Header> no_path = {{":method", "GET"}, {":scheme", "http"}};
  SUBCASE("a stream that is reset does not free the next one of its deadline") {
    Stage stage(settings);
    Client client = stage.connect();
    client.tell(h2::hello() + h2::headers(1, no_path) +
                h2::frame(h2::kHeaders, 0, 3, h2::hpack(h2::get("/1"))));
    REQUIRE(stage.until([&] { return client.read(), h2::goaway_code(client.got).has_value(); }));
    CHECK(h2::goaway_code(client.got) == h2::kEnhanceYourCalm);
  }
  SUBCASE("trailers that are refused end nobody else") {
    Stage stage(settings);
    Client client = stage.connect();
    client.tell(h2::hello() + h2::headers(1, h2::get("/wait"), h2::kEndHeaders) +
                h2::headers(3, h2::get("/wait")) + h2::headers(1, no_path));
    stage.pass(500ms);
    client.read();
    CHECK(h2::rst_code(client.got, 1) == h2::kProtocolError);
    CHECK_FALSE(h2::goaway_code(client.got));
    CHECK(stage.frontend.sessions() == 1);
  }
}

TEST_CASE("a refused request that never ends is reset, and keeps no connection") {
  Settings settings = hasty();
  settings.idle_timeout = 1500ms;
  Stage stage(settings);
  Client client = stage.connect();
  std::vector<h2::Header> odd = h2::get("/1");
  odd.push_back({"expect", "the unexpected"});
  client.tell(h2::hello() + h2::headers(1, odd, h2::kEndHeaders));
  REQUIRE(stage.until([&] { return client.read(), h2::rst_code(client.got, 1).has_value(); }));
  CHECK(h2::rst_code(client.got, 1) == h2::kNoError);
  REQUIRE(stage.until([&] { return client.read(), h2::goaway_code(client.got).has_value(); }));
  client.half_close();
  REQUIRE(stage.until([&] { return client.read(), stage.frontend.sessions() == 0; }));
}

TEST_CASE("a client that takes nothing at all is reaped by the rules of the connection") {
  Settings settings = hasty();
  settings.delivery.zero_window_timeout = 300ms;
  Stage stage(settings);
  Client client = stage.connect(4096);
  const std::string window("\0\4\x7f\xff\xff\xff", 6);  // SETTINGS_INITIAL_WINDOW_SIZE
  client.tell(h2::kPreface + h2::frame(h2::kSettings, 0, 0, window) +
              h2::frame(h2::kWindowUpdate, 0, 0, h2::number(0x7fff0000)) +
              h2::headers(1, h2::get("/900000")));
  REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
  const Ending* ending = stage.ending("/900000");
  REQUIRE(ending);
  CHECK(ending->close == CloseReason::kZeroWindow);
  CHECK_FALSE(ending->receipt.complete);
}

TEST_CASE("who asked and half-closed is served as far as it gave credit") {
  Stage stage(hasty());
  Client client = stage.connect();
  client.tell(h2::hello() + h2::headers(1, h2::get("/500")) + h2::headers(3, h2::get("/99999")));
  client.half_close();
  REQUIRE(stage.until([&] { return client.read(); }));
  CHECK(client.error == 0);
  CHECK(h2::rst_code(client.got, 3) == h2::kCancel);  // 65535 bytes, and no more will ever come
  CHECK(client.got.size() > 65'535);
  REQUIRE(stage.ending("/500"));
  CHECK(stage.ending("/500")->receipt.complete);
}

TEST_CASE("streams of one urgency take turns, a more urgent one goes first") {
  Stage stage;
  H2 h2c(stage);
  const auto first = h2c.get("/1");
  REQUIRE(h2c.until([&] { return h2c.client.answer(first).closed; }));
  std::vector<std::pair<std::string, std::string>> fields;
  SUBCASE("as its head says") { fields = {{"priority", "u=0"}}; }
  SUBCASE("as PRIORITY_UPDATE said before it came") { h2c.client.foretell(first + 6, "u=0"); }
  const auto one = h2c.client.ask({.path = "/900000"});
  const auto two = h2c.client.ask({.path = "/900000"});
  const auto urgent = h2c.client.ask({.path = "/400000", .fields = fields});
  REQUIRE(urgent == first + 6);
  std::uint64_t beside = 0;
  REQUIRE(h2c.until([&] {
    if (h2c.client.answer(urgent).ended && beside == 0)
      beside = h2c.client.answer(one).bytes + h2c.client.answer(two).bytes + 1;
    return h2c.client.all_closed();
  }));
  CHECK(beside < 900'000);
  CHECK(h2c.client.answer(two).right());
}
