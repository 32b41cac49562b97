// The program itself: conf errors, ports, signals, exit codes.

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <system_error>

#include "support/fixtures.h"

namespace weir::test {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

bool says(const Finished& finished, const char* text) {
  return finished.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("A wrong conf is told with its place, all errors at once, and ends with code 2") {
  for (const char* command : {"check", "run"}) {
    const Finished finished = run_weir({command},
                                       "lisen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n"
                                       "[storage]\nmemory = \"10 parsecs\"\n");
    CAPTURE(finished.err);
    CHECK(finished.exit == Exit{2, 0});
    CHECK(says(finished, "weir.conf:1:1"));
    CHECK(says(finished, "lisen"));
    CHECK(says(finished, "did you mean"));
    CHECK(says(finished, "weir.conf:4:"));
    CHECK(says(finished, "10 parsecs"));
  }
}

TEST_CASE("A right conf passes the check and can be shown") {
  const char* conf = "listen = \"127.0.0.1:0\"\norigin = \"127.0.0.1:9\"\n";
  CHECK(run_weir({"check"}, conf).exit == Exit{0, 0});
  const Finished shown = run_weir({"config"}, conf);
  CHECK(shown.exit == Exit{0, 0});
  CHECK(shown.out.find("stall_timeout") != std::string::npos);
}

TEST_CASE("Bad usage ends with code 2") { CHECK(run_weir({"dance"}, "").exit == Exit{2, 0}); }

TEST_CASE("A port that is taken is named, and the program ends with code 1") {
  const Origin origin;
  const Weir first(origin);
  for (const std::uint16_t port : {origin.port(), first.port()}) {
    const std::string address = "127.0.0.1:" + std::to_string(port);
    const Finished finished =
        run_weir({"run"}, "listen = \"" + address + "\"\norigin = \"" + origin.address() + "\"\n");
    CAPTURE(finished.err);
    CHECK(finished.exit == Exit{1, 0});
    CHECK(says(finished, address.c_str()));
    CHECK(says(finished, "in use"));
  }
}

TEST_CASE("SIGTERM lets a running download end, takes no new client, and exits with code 0") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Origin origin;
    Weir weir(origin);
    Client idle(weir.port());
    REQUIRE(idle.exchange({.target = "/idle?size=1"}).complete());
    Client client(weir.port(), {.receive_buffer = 65536});
    client.send(Request{.target = "/drain?n=1&size=40MiB&cc=max-age=60"});
    Response response = client.receive_head();
    client.receive_body(response, {.content = 1, .stop_at = kMiB});
    weir.process().signal(signal);
    CHECK(idle.receive_end(Millis(5000)) == End::kComplete);
    CHECK(eventually([&] {
      try {
        return get(weir.port(), "/new?size=1").status != 200;
      } catch (const std::system_error&) {
        return true;
      }
    }));
    CHECK(!weir.process().wait(Millis(100)));
    client.receive_body(response, {.content = 1, .keep = 0});
    CAPTURE(response.summary());
    CHECK(response.right());
    CHECK(response.body_bytes == 40 * kMiB);
    client.close();
    CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  }
}

TEST_CASE("SIGTERM waits for a client that is owed bytes though its request is long over") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port(), {.receive_buffer = 4096});
  client.send(Request{.target = "/owed?n=1&size=100KiB&cc=max-age=60"});
  Response response = client.receive_head();
  CHECK(eventually([&] { return origin.count("total") == 1; }));
  weir.process().signal(SIGTERM);
  CHECK(!weir.process().wait(Millis(500)));
  client.receive_body(response, {.content = 1});
  CHECK(response.right());
  CHECK(client.receive_end() == End::kComplete);
  client.close();
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
}

TEST_CASE("Draining ends at its deadline") {
  const Origin origin;
  Weir weir(origin, "[server]\ndrain_timeout = \"300 ms\"\n");
  Client client(weir.port(), {.receive_buffer = 65536});
  client.send(Request{.target = "/stuck?n=1&size=100MiB&cc=max-age=60"});
  Response response = client.receive_head();
  client.receive_body(response, {.stop_at = kMiB});
  weir.process().signal(SIGTERM);
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  client.receive_body(response);
  CHECK(!response.complete());
}

TEST_CASE("The access log has a line for each request") {
  const Origin origin;
  Weir weir(origin, "[log]\naccess = \"stdout\"\nformat = \"json\"\n");
  for (int i = 0; i < 3; ++i) {
    CHECK(get(weir.port(), "/logged?size=10&cc=max-age=60").complete());
  }
  CHECK(eventually([&] {
    const std::string out = weir.process().out();
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = out.find("/logged?size=10", at)) != std::string::npos; ++at) {
      ++lines;
    }
    return lines == 3;
  }));
  const std::string out = weir.process().out();
  const auto line = nlohmann::json::parse(out.substr(0, out.find('\n')), nullptr, false);
  CHECK(line.is_object());
}

}  // namespace weir::test
