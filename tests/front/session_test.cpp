#include "front/http1_session.h"
#include "stage.h"

using namespace weir;
using namespace weir::front;
using delivery::CloseReason;
using delivery::Proof;

namespace {

Settings hasty() {
  Settings s;
  s.idle_timeout = 100ms;
  s.delivery.look_every = 20ms;
  return s;
}

}  // namespace

TEST_CASE("an idle client that is owed bytes is not idle: the clock runs once it has them") {
  Stage stage(hasty());
  Client slow = stage.owed();
  for (int i = 0; i < 3; ++i) stage.pass_idle_timeout();
  CHECK_FALSE(stage.ending("/100000"));
  CHECK(stage.until([&] { return slow.read(); }));
  CHECK(slow.error == 0);
  CHECK(slow.got.ends_with(std::string(kLarge, 'x')));
  const Ending* ending = stage.ending("/100000");
  REQUIRE(ending);
  CHECK(ending->receipt.complete);
  CHECK(ending->receipt.proof == Proof::kAcknowledged);
}

TEST_CASE("a client that takes nothing is reaped by the rules of delivery, idle or half-closed") {
  for (const bool fin : {false, true}) {
    CAPTURE(fin);
    Settings settings = hasty();
    settings.delivery.zero_window_timeout = 300ms;
    Stage stage(settings);
    Client stuck = stage.owed();
    if (fin) stuck.half_close();
    REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
    const Ending* ending = stage.ending("/100000");
    REQUIRE(ending);
    CHECK(ending->close == CloseReason::kZeroWindow);
    CHECK_FALSE(ending->receipt.complete);
    CHECK(ending->receipt.body_acked < kLarge);
  }
}

TEST_CASE("a FIN after the last request takes nothing from a client that reads on") {
  Stage stage;
  Client client = stage.owed();
  client.half_close();
  stage.settle();
  CHECK_FALSE(stage.ending("/100000"));  // nothing is known yet
  REQUIRE(stage.until([&] { return client.read(); }));
  CHECK(client.error == 0);
  CHECK(client.got.ends_with(std::string(kLarge, 'x')));
  REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
  const Ending* ending = stage.ending("/100000");
  REQUIRE(ending);
  CHECK(ending->receipt.complete);
  CHECK(ending->receipt.proof == Proof::kClosedClean);
  CHECK(ending->close == CloseReason::kClientClosed);
}

TEST_CASE("where a FIN is an abort, it is one also while the last bytes are on their way") {
  Stage stage({}, {.half_close_aborts = true});
  Client client = stage.owed();
  client.half_close();
  REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
  const Ending* ending = stage.ending("/100000");
  REQUIRE(ending);
  CHECK(ending->close == CloseReason::kHalfCloseAbort);
  CHECK_FALSE(ending->receipt.complete);
}

TEST_CASE("a connection whose client half-closed ends with the last answer, not by idle_timeout") {
  Stage stage;
  SUBCASE("FIN before the answer") {
    Client client = stage.connect();
    client.tell(get("/wait"));
    client.half_close();
    REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
    stage.answers.answer(*stage.answers.waiting[0], 10);
    CHECK(stage.until([&] { return client.read(); }));
    CHECK(client.answers() == 1);
  }
  SUBCASE("FIN while it is sent") {
    Client client = stage.connect(4096);
    client.tell(get("/1000000"));
    REQUIRE(stage.until([&] { return client.read(), client.answers() == 1; }));
    client.half_close();
    CHECK(stage.until([&] { return client.read(); }));
    CHECK(client.got.ends_with(std::string(1'000'000, 'x')));
  }
  CHECK(stage.until([&] { return stage.frontend.sessions() == 0; }));
}

TEST_CASE("requests that were pipelined before a FIN are all answered, in their order") {
  Stage stage;
  const std::string requests = get("/1") + get("/wait") + get("/3");
  SUBCASE("whole") {
    Client client = stage.connect();
    client.tell(requests);
    client.half_close();
    REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
    stage.settle();  // the FIN is seen
    stage.answers.answer(*stage.answers.waiting[0], 2);
    CHECK(stage.until([&] { return client.read(); }));
    CHECK(client.error == 0);
    CHECK(client.answers() == 3);
    CHECK(client.got.ends_with("xxx"));
  }
  SUBCASE("and a part of one more") {
    Client client = stage.connect();
    client.tell(requests + "GET / HT");
    client.half_close();
    REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
    stage.answers.answer(*stage.answers.waiting[0], 2);
    CHECK(stage.until([&] { return client.read(); }));
    CHECK(client.answers() == 3);
    CHECK(stage.until([&] {
      return !stage.answers.done.empty() &&
             stage.answers.done.back().ending.close == CloseReason::kRequestCut;
    }));
  }
}

TEST_CASE("blank lines between requests are no request: no 408, no proof, and idle goes on") {
  Settings settings = hasty();
  settings.request.head_timeout = 20ms;
  settings.delivery.look_every = 10s;
  Stage stage(settings);
  Client client = stage.connect();
  const std::string post = "POST /5 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  SUBCASE("in the same segment") { client.tell(post + "\r\n"); }
  SUBCASE("later, byte by byte") {
    client.tell(post);
    REQUIRE(stage.until([&] { return client.read(), client.answers() == 1; }));
    client.tell("\r");
    stage.settle();
    client.tell("\n");
  }
  REQUIRE(stage.until([&] { return client.read(), client.answers() == 1; }));
  stage.settle();
  CHECK_FALSE(stage.ending("/5"));
  client.tell("\r\n" + get("/6"));
  REQUIRE(stage.until([&] { return client.read(), client.answers() == 2; }));
  REQUIRE(stage.ending("/5"));
  CHECK(stage.ending("/5")->receipt.proof == Proof::kNextRequest);
  // They buy no time either.
  CHECK(stage.until([&] { return client.tell("\r\n"), client.read(); }));
  CHECK(client.answers("408") == 0);
}

TEST_CASE("a request that was sent ahead proves nothing about the answer before it") {
  struct Row {
    const char* what;
    std::string first, second;
  };
  const Row rows[] = {
      {"in the same segment", kGetLarge + get("/1"), ""},
      {"before the answer begins", get("/wait"), get("/1")},
      {"when the answer is in the kernel and is known to stay there", kGetLarge, get("/1")},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    Stage stage(hasty());
    Client client = stage.connect(4096);
    client.tell(row.first);
    if (row.first == get("/wait")) {
      REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
      client.tell(row.second);
      stage.settle();
      stage.answers.answer(*stage.answers.waiting[0], kLarge);
    } else if (!row.second.empty()) {
      REQUIRE(stage.until([&] { return stage.answers.sent == 1; }));
      stage.pass_idle_timeout();  // it was looked at
      client.tell(row.second);
    }
    const std::string target = row.first.substr(4, row.first.find(" HTTP") - 4);
    REQUIRE(stage.until([&] { return stage.ending(target) != nullptr; }));
    const Ending& first = *stage.ending(target);
    CHECK_FALSE(first.receipt.complete);
    CHECK(first.receipt.proof == Proof::kUnknown);
    CHECK(first.receipt.body_acked < kLarge);
  }
}

TEST_CASE("a drain waits for who is owed bytes, and answers requests that are here") {
  Stage stage;
  Client idle = stage.connect();
  Client owed = stage.owed();
  idle.tell(get("/1"));
  REQUIRE(stage.until([&] { return idle.read(), idle.answers() == 1; }));
  Client asks = stage.connect();
  asks.tell(get("/1"));
  REQUIRE(stage.until([&] { return asks.read(), asks.answers() == 1; }));
  asks.tell(get("/2"));
  std::vector<Client> queued;  // more than an event accepts
  for (int i = 0; i < 64; ++i) {
    queued.push_back(stage.connect());
    queued.back().tell(get("/3"));
  }
  stage.frontend.drain();
  CHECK(stage.until([&] { return idle.read(); }));
  CHECK(stage.until([&] { return asks.read(); }));
  CHECK(asks.answers() == 2);
  CHECK(asks.error == 0);
  CHECK(asks.got.find("Connection: close") != std::string::npos);
  for (Client& client : queued) {
    CHECK(stage.until([&] { return client.read(); }));
    CHECK(client.answers() == 1);
    CHECK(client.error == 0);
  }
  asks.fd.close();
  queued.clear();
  idle.fd.close();
  REQUIRE(stage.until([&] { return stage.frontend.sessions() == 1; }));
  CHECK(stage.until([&] { return owed.read(); }));
  CHECK(owed.error == 0);
  CHECK(owed.got.ends_with(std::string(kLarge, 'x')));
  owed.fd.close();
  CHECK(stage.until([&] { return stage.frontend.sessions() == 0; }));
  REQUIRE(stage.ending("/100000"));
  CHECK(stage.ending("/100000")->receipt.complete);
}

TEST_CASE("a reset is seen though there is no room for the input before it") {
  Stage stage;
  Client client = stage.connect();
  std::string more;
  SUBCASE("requests sent ahead") {
    client.tell(get("/wait"));
    more = std::string(200'000, 'G');
  }
  SUBCASE("a body that nobody reads") {
    client.tell("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    more = std::string(3'000'000, 'b');
  }
  REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
  // As much as there is room for here, at the other end and on the way.
  std::size_t at = 0;
  for (int full = 0; full < 50 && at < more.size();) {
    const ssize_t n = send(client.fd.get(), more.data() + at, more.size() - at, MSG_NOSIGNAL);
    full = n > 0 ? 0 : full + 1;
    at += n > 0 ? static_cast<std::size_t>(n) : 0;
    test::run_rounds(stage.loop, 20);
  }
  CHECK(stage.frontend.sessions() == 1);
  client.fd.close_with_reset();
  CHECK(stage.until([&] { return stage.frontend.sessions() == 0; }));
}

TEST_CASE("a client that stands still is judged although its origin is slower") {
  Settings settings = hasty();
  settings.delivery.zero_window_timeout = 300ms;
  Stage stage(settings);
  Client stuck = stage.connect(4096);
  stuck.tell(get("/wait"));
  REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
  body::Bell bell;
  const auto body = make_ref<body::Body>(stage.source, body::BodyOptions{.total = 2 * kLarge});
  body::BodyWriter writer(body, 0, body::kUnlimited, bell);
  body::write_upto(writer, kLarge);  // and no more for now
  stage.answers.waiting[0]->reply({.body = body, .length = 2 * kLarge});
  REQUIRE(stage.until([&] { return stage.frontend.sessions() == 0; }));
  REQUIRE(stage.ending("/wait"));
  CHECK(stage.ending("/wait")->close == CloseReason::kZeroWindow);
  body::write_upto(writer, 2 * kLarge);
  std::move(writer).finish();
}

TEST_CASE("who goes on sending after the end is read, but does not take the worker") {
  Stage stage;
  Client client = stage.connect();
  client.tell("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string flood(1024 * 1024, 'x');
  std::size_t taken = 0;
  const TimePoint end = after(stage.loop.now(), 300ms);
  REQUIRE(stage.until([&] {
    for (ssize_t n; (n = send(client.fd.get(), flood.data(), flood.size(), MSG_NOSIGNAL)) > 0;) {
      taken += static_cast<std::size_t>(n);
    }
    return stage.loop.now() > end;
  }));
  CHECK(client.read() == true);
  CHECK(client.error == 0);
  CHECK(client.answers() == 1);
  CHECK(taken > 2 * flood.size());
  CHECK(taken < 100 * flood.size());  // without a bound: 500 and more
}
