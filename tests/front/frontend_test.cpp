#include "front/frontend.h"

#include "stage.h"

using namespace weir;
using namespace weir::front;

namespace {

Settings for_ten() {
  Settings s;
  s.max_connections = 10;  // relief begins at nine
  s.delivery.look_every = 20ms;
  return s;
}

// Connects as many that were answered and are idle now, the first one longest.
std::vector<Client> idle_clients(Stage& stage, std::size_t count) {
  std::vector<Client> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(stage.connect());
    clients.back().tell(get("/1"));
    REQUIRE(stage.until([&] { return clients.back().read(), clients.back().answers() == 1; }));
  }
  return clients;
}

std::vector<std::size_t> ended(Stage& stage, std::vector<Client>& clients) {
  stage.settle();
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (clients[i].read()) out.push_back(i);
  }
  return out;
}

}  // namespace

TEST_CASE("when connections run short the longest idle go, not the oldest") {
  Stage stage(for_ten());
  std::vector<Client> clients = idle_clients(stage, 10);
  clients[0].tell(get("/1"));
  REQUIRE(stage.until([&] { return clients[0].read(), clients[0].answers() == 2; }));
  stage.frontend.relieve(1.0);
  CHECK(ended(stage, clients) == std::vector<std::size_t>{1, 2});
}

TEST_CASE("one handshake too many ends the one that has lasted longest") {
  Settings settings;
  settings.max_handshakes = 2;
  const ListenSettings listen{.introducers = {*net::parse_network("127.0.0.0/8")}};
  Stage stage(settings, listen);
  std::vector<Client> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(stage.connect());
    REQUIRE(stage.until([&] { return stage.stats.accepted.get() == i + 1; }));
  }
  REQUIRE(stage.until([&] { return clients[0].read(); }));
  CHECK(stage.stats.closed[static_cast<std::size_t>(delivery::CloseReason::kTlsCrowded)].get() ==
        1);
  for (Client* client : {&clients[2], &clients[1]}) {
    REQUIRE(client->tell("PROXY UNKNOWN\r\n" + get("/5")));
    REQUIRE(stage.until([&] { return client->read(), client->answers() == 1; }));
  }
  // Whose handshake is over does not count any more.
  Client more[] = {stage.connect(), stage.connect()};
  REQUIRE(stage.until([&] { return stage.stats.accepted.get() == 5; }));
  CHECK(stage.frontend.sessions() == 4);
}

TEST_CASE("above the limit of connections nobody shakes hands only to be told so") {
  Settings settings;
  settings.max_connections = 1;
  const ListenSettings listen{.introducers = {*net::parse_network("127.0.0.0/8")}};
  Stage stage(settings, listen);
  Client first = stage.connect();
  REQUIRE(first.tell("PROXY UNKNOWN\r\n" + get("/5")));
  REQUIRE(stage.until([&] { return first.read(), first.answers() == 1; }));
  Client second = stage.connect();
  REQUIRE(stage.until([&] { return second.read(); }));
  CHECK(second.answers() == 0);
  CHECK(stage.frontend.sessions() == 1);
}

TEST_CASE("who is owed bytes is not idle when connections run short") {
  Stage stage(for_ten());
  Client known = stage.owed();
  stage.pass(100ms);           // it was looked at
  Client owed = stage.owed();  // just now: nobody has looked yet
  std::vector<Client> clients = idle_clients(stage, 8);
  stage.frontend.relieve(1.0);
  CHECK(ended(stage, clients) == std::vector<std::size_t>{0, 1});
  for (Client* client : {&known, &owed}) {
    CHECK(stage.until([&] { return client->read(), client->got.size() > kLarge; }));
    CHECK(client->got.ends_with(std::string(kLarge, 'x')));
  }
}

TEST_CASE("slow heads and lingering clients do not hold the limit") {
  Stage stage(for_ten());
  std::vector<Client> heads;
  for (int i = 0; i < 5; ++i) {
    heads.push_back(stage.connect());
    heads.back().tell("GET / HT");
    stage.settle();
  }
  const TimePoint slow = after(stage.loop.now(), 2100ms);  // from then on they are
  std::vector<Client> lingering;
  for (int i = 0; i < 5; ++i) {  // they do not end their side
    lingering.push_back(stage.connect());
    lingering.back().tell("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    REQUIRE(stage.until([&] { return lingering.back().read(); }));
  }
  stage.pass(100ms);  // our FINs are known to have arrived
  stage.frontend.relieve(1.0);
  CHECK(stage.frontend.sessions() == 8);  // heads may still come, lingering is over
  stage.pass(slow - stage.loop.now());
  std::vector<Client> clients = idle_clients(stage, 2);
  stage.frontend.relieve(1.0);
  CHECK(ended(stage, clients).empty());
  CHECK(ended(stage, heads) == std::vector<std::size_t>{0, 1});
}

TEST_CASE(
    "worth a look is who stands still, asks or waits, the longest first; idle clients are not") {
  Settings settings;
  settings.delivery.look_every = 20ms;
  settings.request.head_timeout = 90s;
  Stage stage(settings);
  Client stuck = stage.owed(get("/100000?of=stuck"));
  stage.pass(1100ms);
  Client waiting = stage.connect();
  waiting.tell(get("/wait/film"));
  REQUIRE(stage.until([&] { return stage.answers.waiting.size() == 1; }));
  stage.pass(1100ms);
  Client head = stage.connect();
  head.tell("GET /1 HT");
  std::vector<Client> idle = idle_clients(stage, 3);

  const auto views = stage.frontend.worth_a_look(10);
  REQUIRE(views.size() == 3);
  CHECK(views[0].request == "GET a/100000?of=stuck");
  CHECK(views[0].held > kLarge / 2);
  CHECK(views[0].still >= 2s);
  CHECK(views[0].will == "zero_window");
  const Duration left = views[0].at - stage.loop.now();
  CHECK(left > 110s);
  CHECK(left < 119s);
  CHECK(views[1].request == "GET a/wait/film");
  CHECK(views[1].phase == delivery::Phase::kAwaitingOrigin);
  CHECK(views[1].still >= 1s);
  CHECK(views[1].will.empty());
  CHECK(views[1].requests == 1);
  CHECK(views[1].client.starts_with("127.0.0.1:"));
  CHECK(views[2].phase == delivery::Phase::kReading);
  CHECK(views[2].request.empty());
  CHECK(views[2].will == "request_timeout");
  CHECK(stage.frontend.worth_a_look(1).size() == 1);
  stage.answers.answer(*stage.answers.waiting[0], 1);
  REQUIRE(stage.until([&] { return waiting.read(), waiting.answers() == 1; }));
}

TEST_CASE("the rate of a client is what it acknowledged of late") {
  Settings settings;
  settings.delivery.look_every = 20ms;
  Stage stage(settings);
  Client slow = stage.connect(4096);
  slow.tell(get("/3000000"));
  // 1000 bytes each 10 ms.
  const TimePoint begin = stage.loop.now();
  std::size_t taken = 0;
  REQUIRE(stage.until([&] {
    char buffer[1000];
    const auto due = static_cast<std::size_t>((stage.loop.now() - begin) / 10us);
    while (taken < due && recv(slow.fd.get(), buffer, sizeof buffer, 0) > 0) taken += sizeof buffer;
    return stage.loop.now() > after(begin, 2s);
  }));
  const auto views = stage.frontend.worth_a_look(10);
  REQUIRE(views.size() == 1);
  CHECK(views[0].rate > 50'000);
  CHECK(views[0].rate < 200'000);
}
