// What Weir does about clients that are slow, half-closed, gone, or too many, and what its receipts
// say. What needs faults on the way (lost packets, ignored resets) is in tests/lab.

#include <doctest/doctest.h>

#include "support/fixtures.h"

namespace weir::test {
namespace {

using nlohmann::json;

const char* const kLog = "[log]\naccess = \"stdout\"\nformat = \"json\"\n";

}  // namespace

TEST_CASE("The next request on the connection proves that the response before it arrived") {
  const Origin origin;
  Weir weir(origin, kLog);
  Client client(weir.port());
  CHECK(client.exchange({.target = "/first?size=100KiB&n=1"}, {.content = 1}).right());
  CHECK(client.exchange({.target = "/second?size=1KiB&n=1"}, {.content = 1}).right());
  const json line = weir.log_line("/first");
  CHECK(line.value("delivery", "") == "next_request");
  CHECK(line.value("delivered", false));
  CHECK(line.value("acked", 0) == 100 * 1024);
  CHECK_FALSE(line.contains("close"));
}

TEST_CASE("A client that closes after its response has got all of it, and the log says so") {
  const Origin origin;
  Weir weir(origin, kLog);
  CHECK(get(weir.port(), "/closed?size=3MiB&n=1", {.content = 1}).right());
  const json line = weir.log_line("/closed");
  CHECK(line.value("delivery", "") == "closed_clean");
  CHECK(line.value("acked", 0) == 3 * 1024 * 1024);
  CHECK(line.value("close", "") == "client_closed");
}

TEST_CASE("A client that resets leaves a receipt of what it had acknowledged") {
  const Origin origin;
  Weir weir(origin, kLog);
  Client client(weir.port());
  client.send(Request{.target = "/reset?size=64MiB&n=1"});
  Response response = client.receive({.content = 1, .stop_at = 1 << 20});
  CHECK(response.end == End::kStopped);
  std::this_thread::sleep_for(Millis(1500));  // its acknowledgements are looked at once a second
  client.abort();
  const json line = weir.log_line("/reset");
  CHECK(line.value("close", "") == "reset_by_client");
  CHECK_FALSE(line.value("delivered", true));
  CHECK_FALSE(line.value("complete", true));
  CHECK(line.value("acked", 0) >= 1 << 20);
  CHECK(line.value("acked", 0) < 64 << 20);
}

TEST_CASE(
    "A client that half-closes is served: from the cache, while it fills, and after a long wait") {
  const Origin origin;
  Weir weir(origin);
  for (const char* target :
       {"/half?size=20MiB&n=1&cc=max-age=60", "/half?size=20MiB&n=1&cc=max-age=60",
        "/wait?size=1MiB&n=1&delay=6s", "/trickle?size=1MiB&n=1&rate=400KiB"}) {
    CAPTURE(target);
    Client client(weir.port());
    client.send(Request{.target = target, .keep_alive = false});
    client.half_close();
    CHECK(client.receive({.content = 1}).right());
    CHECK(client.receive_end() == End::kComplete);
  }
}

TEST_CASE("Where the conf says that a FIN is an abort, it is one") {
  const Origin origin;
  Weir weir("origin = \"" + origin.address() +
            "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\nhalf_close = \"abort\"\n" + kLog);
  Client client(weir.port());
  client.send(Request{.target = "/abort?size=1MiB&delay=5s"});
  client.half_close();
  CHECK(client.receive().status == 0);
  CHECK(weir.log_line("/abort").value("close", "") == "half_close_abort");
}

TEST_CASE("A client that reads nothing is reset after zero_window_timeout, and the log says why") {
  const Origin origin;
  Weir weir(origin, "[delivery]\nzero_window_timeout = \"4 s\"\n" + std::string(kLog));
  Client stuck(weir.port(), {.receive_buffer = 16384});
  stuck.send(Request{.target = "/stuck?size=64MiB&n=1&cc=max-age=60"});
  const json line = weir.log_line("/stuck");
  CHECK(line.value("close", "") == "zero_window");
  CHECK_FALSE(line.value("delivered", true));
  CHECK(line.value("standstill_ms", 0.0) >= 2000);
}

TEST_CASE("A FIN behind an answered request leaves the rest owed, and the log waits for it") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 1\n" + std::string(kLog));
  Client client(weir.port(), {.receive_buffer = 4096});
  client.send(Request{.target = "/tail?size=100KiB&n=1"});
  Response response = client.receive_head();
  client.half_close();
  // Lines come in their order: once there is one of a later client, there is none of this one.
  Client witness(weir.port());
  for (const char* target : {"/later?size=1", "/last?size=1"}) {
    CHECK(witness.exchange({.target = target}).complete());
  }
  CHECK_FALSE(weir.log_line("/later").empty());
  CHECK(weir.process().out().find("/tail") == std::string::npos);
  client.receive_body(response, {.content = 1});
  CHECK(response.right());
  CHECK(client.receive_end() == End::kComplete);
  const json line = weir.log_line("/tail");
  CHECK(line.value("delivery", "") == "closed_clean");
  CHECK(line.value("acked", 0) == 100 * 1024);
  CHECK(line.value("close", "") == "client_closed");
}

TEST_CASE("A client that pipelines and reads nothing has received nothing, whatever it asks for") {
  const Origin origin;
  Weir weir(origin, kLog);
  Client client(weir.port(), {.receive_buffer = 4096});
  client.send(format({.target = "/one?size=100KiB"}) + format({.target = "/two?size=100KiB"}));
  CHECK(eventually([&] { return origin.count("total") == 2; }));
  client.abort();
  const json line = weir.log_line("/one");
  CHECK(line.value("delivery", "") == "unknown");
  CHECK_FALSE(line.value("delivered", false));
  CHECK(line.value("acked", 0) < 100 * 1024);
}

TEST_CASE("Short of connections, who stood still for longest goes, never who reads or waits") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 1\nmax_connections = 20\n" + std::string(kLog));
  std::vector<Client> stuck;  // one is idle, as far as requests go; one is being sent to
  for (const char* target : {"/idle?size=100KiB&n=1", "/busy?size=64MiB&n=1"}) {
    stuck.emplace_back(weir.port(), ClientOptions{.receive_buffer = 4096});
    stuck.back().send(Request{.target = target});
  }
  Client reader(weir.port(), {.receive_buffer = 65536});
  reader.send(Request{.target = "/reader?size=20MiB&n=1"});
  Response response = reader.receive_head();
  std::vector<Client> waiting;
  for (int i = 0; i < 17; ++i) {
    waiting.emplace_back(weir.port());
    waiting.back().send(Request{.target = "/waiting/" + std::to_string(i) + "?delay=9s&size=1"});
  }
  reader.receive_body(response, {.content = 1, .rate = 2 << 20, .keep = 0});
  CHECK(response.right());
  for (const char* target : {"/idle", "/busy"}) {
    CAPTURE(std::string(target));
    const json line = weir.log_line(target);
    CHECK(line.value("close", "") == "pressure");
    CHECK(line.value("standstill_ms", 0.0) >= 4000);
    CHECK_FALSE(line.value("delivered", true));
  }
  for (Client& client : waiting) CHECK(client.receive().complete());
}

TEST_CASE("Above max_owed bytes those go who hold them without reading") {
  const Origin origin;
  Weir weir(origin,
            "[server]\nworkers = 1\n[delivery]\nmax_owed = \"400 KiB\"\n" + std::string(kLog));
  Client reader(weir.port(), {.receive_buffer = 65536});
  reader.send(Request{.target = "/reader?size=20MiB&n=1&cc=max-age=60"});
  Response response = reader.receive_head();
  std::vector<Client> stuck;
  for (int i = 0; i < 4; ++i) {
    stuck.emplace_back(weir.port(), ClientOptions{.receive_buffer = 4096});
    stuck.back().send(Request{.target = "/stuck?size=20MiB&n=1&cc=max-age=60"});
  }
  reader.receive_body(response, {.content = 1, .rate = 2 << 20, .keep = 0});
  CHECK(response.right());
  CHECK(weir.log_line("/stuck").value("close", "") == "pressure");
}

TEST_CASE("Connections above the limit are told so") {
  const Origin origin;
  Weir weir(origin, "[server]\nmax_connections_per_client = 3\n");
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(weir.port());
    CHECK(clients.back().exchange({.target = "/a?size=10&cc=max-age=60"}).status == 200);
  }
  Client more(weir.port());
  const Response refused = more.receive();
  CHECK(refused.status == 503);
  CHECK(refused.has("Retry-After"));
  CHECK(refused.body.find("too_many_connections") != std::string::npos);
  clients.pop_back();
  CHECK(eventually([&] { return get(weir.port(), "/a?size=10&cc=max-age=60").status == 200; }));
}

TEST_CASE("A request body that trickles for ever is refused, one that pauses shortly is not") {
  const Origin origin;
  Weir weir(origin, "[http]\nbody_timeout = \"1 s\"\n");
  Client slow(weir.port());
  slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc");
  CHECK(slow.receive().status == 408);
  Client honest(weir.port());
  honest.send("POST /honest?echo=body HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  CHECK(honest.silent_for(Millis(200)));
  honest.send("def");
  CHECK(honest.receive().body == "abcdef");
}

}  // namespace weir::test
