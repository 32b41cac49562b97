// More fetches than an origin may be asked for at a time: they queue, in turns and with a deadline.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/fixtures.h"

namespace weir::test {

namespace {

std::string limits(int running, int waiting, const char* timeout) {
  return "[server]\nworkers = 1\n[[origin]]\nname = \"main\"\nmax_connections = " +
         std::to_string(running) + "\nqueue_max = " + std::to_string(waiting) +
         "\nqueue_timeout = \"" + timeout + "\"\n";
}

std::string conf(const Origin& origin, const std::string& more) {
  return "listen = \"127.0.0.1:0\"\n" + more + "servers = [\"" + origin.address() + "\"]\n";
}

Client asking(const Weir& weir, const std::string& target, std::uint8_t address = 1) {
  Client client(weir.port(), {.address = address});
  client.send(Request{.target = target});
  return client;
}

bool is_refused(Client& client, const char* reason) {
  const Response response = client.receive();
  CAPTURE(response.summary());
  CHECK(response.status == 503);
  CHECK(response.complete());
  CHECK(std::stoi(response.field("Retry-After")) >= 1);
  return response.body.find(reason) != std::string::npos;
}

}  // namespace

TEST_CASE("Fetches above max_connections queue, and the origin sees no more connections") {
  const Origin origin;
  const Weir weir(conf(origin, limits(3, 1000, "30 s")));
  std::vector<Client> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(asking(weir, "/q" + std::to_string(i) + "?size=1KiB&n=1&delay=20ms"));
  }
  for (Client& client : clients) CHECK(client.receive({.content = 1}).right());
  CHECK(origin.count("total") == 60);
  CHECK(origin.count("connections") <= 3);
}

TEST_CASE("A full queue is a 503 that says so, and when to come again") {
  const Origin origin;
  const Weir weir(conf(origin, limits(1, 1, "30 s")));
  Client running = asking(weir, "/r?size=10&n=1&delay=1s");
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  Client waiting = asking(weir, "/w?size=10&n=1");
  CHECK(waiting.silent_for(Millis(100)));
  Client more = asking(weir, "/m?size=10&n=1");
  CHECK(is_refused(more, "queue_full"));
  CHECK(running.receive({.content = 1}).right());
  CHECK(waiting.receive({.content = 1}).right());
}

TEST_CASE("A client that fills the queue gives way to another client") {
  const Origin origin;
  const Weir weir(conf(origin, limits(1, 2, "30 s")));
  Client running = asking(weir, "/r?size=10&n=1&delay=1s");
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  Client first = asking(weir, "/f?size=10&n=1");
  CHECK(first.silent_for(Millis(50)));
  Client second = asking(weir, "/s?size=10&n=1");
  CHECK(second.silent_for(Millis(50)));
  Client other = asking(weir, "/o?size=10&n=1", 2);
  CHECK(is_refused(second, "queue_full"));
  CHECK(other.receive({.content = 1}).right());
  CHECK(first.receive({.content = 1}).right());
}

TEST_CASE("A fetch that waits past queue_timeout is a 503 that says so") {
  const Origin origin;
  const Weir weir(conf(origin, limits(1, 10, "300 ms")));
  Client running = asking(weir, "/r?size=10&n=1&delay=2s");
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  Client waiting = asking(weir, "/w?size=10&n=1");
  CHECK(is_refused(waiting, "queue_timeout"));
  CHECK(running.receive({.content = 1}).right());
  CHECK(origin.count("total") == 1);
}

}  // namespace weir::test
