// More fetches than an origin may be asked for at a time: they queue, in turns and with a deadline.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/content.h"
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

TEST_CASE("Who waited for a fetch that was refused for its client's sake leads it") {
  const Origin origin;
  const Weir weir(conf(origin, limits(1, 3, "30 s")));
  Client running = asking(weir, "/r?size=10&n=1&delay=1s");
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  std::vector<Client> greedy;
  for (const char* target : {"/a?size=10&n=1", "/b?size=10&n=1", "/c?size=10&n=1&cc=max-age=9"}) {
    greedy.push_back(asking(weir, target));
    CHECK(greedy.back().silent_for(Millis(50)));
  }
  Client joined = asking(weir, "/c?size=10&n=1&cc=max-age=9", 2);
  CHECK(joined.silent_for(Millis(50)));
  Client other = asking(weir, "/d?size=10&n=1", 3);  // has the place of /c
  CHECK(is_refused(greedy[2], "queue_full"));
  CHECK(is_refused(greedy[1], "queue_full"));  // it was the greedy one's newest then
  CHECK(joined.receive({.content = 1}).right());
  CHECK(other.receive({.content = 1}).right());
  CHECK(greedy[0].receive({.content = 1}).right());
  CHECK(running.receive({.content = 1}).right());
}

TEST_CASE("Who is gone before there is a place for its fetch costs the origin nothing") {
  const Origin origin;
  const Weir weir(conf(origin, limits(1, 10, "30 s")));
  Client running = asking(weir, "/r?size=10&n=1&delay=1s");
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  for (const char* target : {"/gone?size=10&cc=max-age=9", "/gone?size=10&cc=no-store"}) {
    Client gone = asking(weir, target);
    CHECK(gone.silent_for(Millis(50)));
    gone.abort();
  }
  Client last = asking(weir, "/last?size=10&n=1");
  CHECK(running.receive({.content = 1}).right());
  CHECK(last.receive({.content = 1}).right());
  CHECK(origin.count("total") == 2);
}

TEST_CASE("A request body that waits in the queue is not evicted, however short memory is") {
  const Origin origin;
  const std::string servers = "servers = [\"" + origin.address() + "\"]\n";
  const Weir weir("listen = \"127.0.0.1:0\"\n[storage]\nmemory = \"8 MiB\"\n" +
                  ("[[origin]]\nname = \"one\"\nmax_connections = 1\n" + servers) +
                  "[[origin]]\nname = \"many\"\n" + servers +
                  "[[site]]\nhosts = [\"one.example\"]\norigin = \"one\"\n"
                  "[[site]]\nhosts = [\"*\"]\norigin = \"many\"\n");
  const std::vector<Field> one{{"Host", "one.example"}};
  Client running(weir.port());
  running.send(Request{.target = "/r?size=10&n=1&delay=2s", .fields = one});
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  std::string body(300'000, '\0');
  fill_content(5, 0, body);
  std::vector<Client> waiting;
  for (const std::size_t size : {body.size(), std::size_t{1}}) {
    waiting.emplace_back(weir.port());
    waiting.back().send(Request{
        .method = "POST", .target = "/w?echo=body", .fields = one, .body = body.substr(0, size)});
  }
  CHECK(waiting.back().silent_for(Millis(100)));
  for (int i = 0; i < 40; ++i) {
    const std::string target = "/m" + std::to_string(i) + "?size=1MiB&n=1&cc=max-age=60";
    CHECK(get(weir.port(), target, {.content = 1}).right());
  }
  for (Client& client : waiting) {
    const Response response = client.receive({.content = 5});
    CAPTURE(response.summary());
    CHECK(response.status == 200);
    CHECK(response.right());
  }
}

TEST_CASE("A fetch that waits before it asks again leaves its place to others") {
  const Origin origin;
  Weir weir(conf(origin, limits(1, 10, "30 s") +
                             "eject_failures = 0\nretry_attempts = 9\nretry_for = \"4 s\"\n"));
  struct Row {
    const char* target;  // fails after more than 2 s of waiting in all
    const char* counter;
  };
  for (const Row& row : {Row{"/never?close_before=1", "retries"},
                         Row{"/a-byte-at-a-time?size=10MiB&n=1&cut_every=1", "resumes"}}) {
    CAPTURE(row.target);
    Client failing = asking(weir, row.target);
    CHECK(eventually([&] { return origin.requests(row.target) >= 3; }));
    const Response other = get(weir.port(), "/works?size=10&n=1", {.content = 1});
    CAPTURE(other.summary());
    CHECK(other.right());
    CHECK(other.seconds < 0.5);
    CHECK(origin.requests(row.target) < 6);  // it was still at it
    CHECK(eventually([&] { return origin.requests(row.target) >= 5; }));
    CHECK(weir.status()["origins"][0]["fetches"][row.counter] >= 4);
    failing.abort();
  }
}

TEST_CASE(
    "What nobody reads goes on among the prefetches, as many as may, until somebody reads again") {
  const Origin origin;
  Weir weir(conf(origin, limits(4, 10, "30 s")));  // one of the four for prefetches
  const auto running = [&](const char* lane) {
    return weir.status()["origins"][0]["running"][lane].get<int>();
  };
  const auto says = [&](const char* text) {
    return weir.process().err().find(text) != std::string::npos;
  };
  const std::string targets[] = {"/a?n=1&size=48MiB&rate=8MiB&cc=max-age=60",
                                 "/b?n=1&size=48MiB&rate=8MiB&cc=max-age=60"};
  for (const std::string& target : targets) {
    Client gone = asking(weir, target);
    CHECK(gone.receive_head().status == 200);
    gone.abort();
  }
  CHECK(eventually([&] { return running("prefetch") == 1 && running("client") == 0; }));
  CHECK(says("fetch goes on unread"));
  CHECK(says("reason=little_left"));
  CHECK(says("reason=no_place"));
  std::vector<Client> back;
  for (const std::string& target : targets) back.push_back(asking(weir, target));
  CHECK(eventually([&] { return running("prefetch") == 0 && running("client") >= 1; }));
  for (Client& client : back) CHECK(client.receive({.content = 1, .keep = 0}).right());
  CHECK(origin.count("bytes_sent") < 48 * 3 * 1024 * 1024);
}

TEST_CASE("Whether a fetch goes on when nobody waits for its head any more is the conf's to say") {
  for (const bool never : {false, true}) {
    CAPTURE(never);
    const Origin origin;
    Weir weir(
        conf(origin, limits(4, 10, "30 s") + (never ? "finish_abandoned = \"never\"\n" : "")));
    const std::string target = "/slow?size=1KiB&n=1&delay=4s&cc=max-age=60";
    Client gone = asking(weir, target);
    CHECK(eventually([&] { return origin.requests(target) == 1; }));
    gone.abort();
    const auto says = [&](const char* text) {
      return weir.process().err().find(text) != std::string::npos;
    };
    CHECK(eventually([&] { return says("reason="); }));
    CHECK(says(never ? "fetch abandoned" : "fetch goes on unread"));
    CHECK(says(never ? "reason=never" : "reason=head_to_come"));
    if (never) CHECK(eventually([&] { return origin.count("open") <= 1; }));  // this question's own
    CHECK(get(weir.port(), target, {.content = 1}).right());
    CHECK(origin.requests(target) == (never ? 2 : 1));
  }
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
