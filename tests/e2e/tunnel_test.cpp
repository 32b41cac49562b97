// Tunnels: what a client and an origin say to each other behind a 101.

#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "e2e/certificates.h"
#include "support/content.h"
#include "support/exposition.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMiB = 1 << 20;

Request upgrade(std::string target, std::string protocol = "websocket") {
  return {.target = std::move(target),
          .fields = {{"Connection", "keep-alive, Upgrade"},
                     {"Upgrade", std::move(protocol)},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}};
}

std::string content(std::uint64_t n, std::uint64_t size) {
  std::string bytes(size, '\0');
  fill_content(n, 0, bytes);
  return bytes;
}

// What comes behind the head is read as a body that the end of the connection ends.
Response open_tunnel(Client& client, const Request& request) {
  client.send(request);
  Response head = client.receive_head();
  head.framing = Framing::kUntilClose;
  return head;
}

// For what takes as long as patience lasts.
json late_line(Weir& weir, std::string_view part) {
  json line = json::object();
  eventually([&] { return !(line = weir.log_line(part)).empty(); }, Millis(30'000));
  return line;
}

double metric(Weir& weir, const std::string& name) {
  return Metrics(get(weir.admin_port(), "/metrics").body).sum(name);
}

TEST_CASE("A websocket is switched to, and bytes go both ways") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port());
  Response head =
      open_tunnel(client, upgrade("/chat?upgrade=websocket&field=Sec-WebSocket-Accept:x"));
  REQUIRE(head.status == 101);
  CHECK(head.field("Connection") == "Upgrade");
  CHECK(head.field("Upgrade") == "websocket");
  CHECK(head.field("Sec-WebSocket-Accept") == "x");
  CHECK(head.count("Transfer-Encoding") == 0);
  CHECK(head.field("Cache-Status").find("detail=upgrade") != std::string::npos);
  CHECK(origin.last_field("Sec-WebSocket-Key") == "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(origin.last_field("Connection") == "Upgrade");
  CHECK(eventually([&] { return metric(weir, "weir_tunnels") == 1; }));
  for (const char* word : {"one", "two", "three"}) {
    client.send(word);
    head.body.clear();
    head.body_bytes = 0;
    client.receive_body(head, {.stop_at = std::string_view(word).size()});
    CHECK(head.body == word);
  }
  client.half_close();
  CHECK(client.receive_end() == End::kComplete);
  const json line = weir.log_line("/chat");
  CHECK(line.value("status", 0) == 101);
  CHECK(line.value("cache", "") == "pass");
  CHECK(line.value("body_bytes", 0) == 11);
  CHECK(line.value("received_bytes", 0) == 11);
  CHECK(line.value("close", "") == "tunnel_ended");
  CHECK(line.value("complete", false));
  CHECK(line.value("delivered", false));
  CHECK(metric(weir, "weir_tunnels") == 0);
  CHECK(metric(weir, "weir_tunnels_ended_total") == 1);
  CHECK(metric(weir, "weir_tunnel_bytes_total") == 22);
}

// Both slow readers in turn: the echo comes back at the pace of whoever is slower, whole.
TEST_CASE("10 MiB go both ways at once, whoever is slow, and the memory for it is bounded") {
  const Origin origin;
  Weir weir(origin, "[http]\ntunnel_buffer = \"16 KiB\"\n");
  const std::string bytes = content(7, 10 * kMiB);
  for (const char* target : {"/fast?upgrade=websocket", "/slow-origin?upgrade=websocket&rate=8MiB",
                             "/slow-client?upgrade=websocket"}) {
    CAPTURE(target);
    const bool slow = std::string_view(target).starts_with("/slow-client");
    Client client(weir.port(), {.receive_buffer = slow ? 64 * 1024 : 0});
    Response head = open_tunnel(client, upgrade(target));
    REQUIRE(head.status == 101);
    const double before = metric(weir, "weir_resident_bytes");
    std::thread writer([&] {
      CHECK(client.send(bytes));
      client.half_close();
    });
    client.receive_body(head, {.content = 7, .rate = slow ? 8 * kMiB : 0, .keep = 0});
    writer.join();
    const std::string line = late_line(weir, target).dump();
    CAPTURE(line);
    CAPTURE(head.summary());
    CHECK(head.right());
    CHECK(head.body_bytes == bytes.size());
    CHECK(metric(weir, "weir_resident_bytes") - before < 4.0 * kMiB);
  }
}

TEST_CASE("Bytes right behind the heads are not lost, blank lines neither") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port());
  const std::string early = "\r\n\r\n" + content(1, 20'000);
  client.send(format(upgrade("/early?upgrade=websocket&size=100KiB&n=3&delay=300ms")) + early);
  Response head = client.receive_head();
  REQUIRE(head.status == 101);
  head.framing = Framing::kUntilClose;
  client.receive_body(head, {.content = 3, .stop_at = 100 * 1024});
  CHECK(head.body_bytes >= 100 * 1024);
  CHECK(head.wrong_at.value_or(100 * 1024) >= 100 * 1024);
  client.half_close();
  client.receive_body(head);
  CHECK(head.end == End::kComplete);
  REQUIRE(head.body.size() == 100 * 1024 + early.size());
  CHECK(head.body.substr(100 * 1024) == early);
}

TEST_CASE("A half-close goes through each way, and the other way goes on") {
  const Origin origin;
  Weir weir(origin);
  {
    Client client(weir.port());
    Response head = open_tunnel(client, upgrade("/count?upgrade=count"));
    REQUIRE(head.status == 101);
    client.send(content(1, 300'000));
    client.half_close();
    client.receive_body(head);
    CHECK(head.end == End::kComplete);
    CHECK(head.body == "300000");
  }
  Client client(weir.port());
  Response head = open_tunnel(client, upgrade("/half?upgrade=half-close&size=50KiB&n=2"));
  REQUIRE(head.status == 101);
  client.receive_body(head, {.content = 2});
  CHECK(head.right());
  CHECK(head.body_bytes == 50 * 1024);
  CHECK(client.send(content(1, 300'000)));
  client.half_close();
  const json line = weir.log_line("/half");
  CHECK(line.value("received_bytes", 0) == 300'000);
  CHECK(line.value("close", "") == "tunnel_ended");
}

TEST_CASE("A reset of one side resets the other") {
  const Origin origin;
  Weir weir(origin);
  {
    Client client(weir.port());
    REQUIRE(open_tunnel(client, upgrade("/by-origin?upgrade=count&reset_at=5")).status == 101);
    client.send("12345");
    CHECK(client.receive_end() == End::kReset);
    const json line = weir.log_line("/by-origin");
    CHECK(line.value("close", "") == "tunnel_reset");
    CHECK_FALSE(line.value("complete", true));
  }
  Client client(weir.port());
  REQUIRE(open_tunnel(client, upgrade("/by-client?upgrade=stop")).status == 101);
  CHECK(origin.count("open") >= 1);
  client.abort();
  CHECK(weir.log_line("/by-client").value("close", "") == "reset_by_client");
  CHECK(eventually([&] { return metric(weir, "weir_origin_connections") == 0; }));
}

TEST_CASE("What the origin said before its reset arrives before the client's") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port(), {.receive_buffer = 16 * 1024});
  Response head =
      open_tunnel(client, upgrade("/last-words?upgrade=count&size=100KiB&n=6&reset_at=5"));
  REQUIRE(head.status == 101);
  REQUIRE(eventually([&] { return metric(weir, "weir_tunnel_bytes_total") == 100 * 1024; }));
  client.send("12345");
  REQUIRE(eventually([&] { return metric(weir, "weir_tunnels") == 0; }));
  client.receive_body(head, {.content = 6});
  CAPTURE(head.summary());
  CHECK(head.body_bytes == 100 * 1024);
  CHECK_FALSE(head.wrong_at);
  CHECK(head.end == End::kReset);
  CHECK(weir.log_line("/last-words").value("close", "") == "tunnel_reset");
}

TEST_CASE("An origin that has ended its side and then fails is no end of the tunnel") {
  const Origin origin;
  Weir weir(origin);
  Client client(weir.port());
  Response head = open_tunnel(client, upgrade("/failed?upgrade=half-close&reset_at=5"));
  REQUIRE(head.status == 101);
  client.receive_body(head);
  CHECK(head.complete());  // that way is over
  client.send("12345");
  const json line = weir.log_line("/failed");
  CHECK(line.value("close", "") == "tunnel_reset");
  CHECK_FALSE(line.value("complete", true));
  CHECK(eventually([&] { return !client.send("x"); }));
}

// Two ways to smuggle: bytes behind a request that only looks as if it left HTTP are a request.
TEST_CASE("Behind an upgrade that the origin ignores or refuses HTTP goes on") {
  const Origin origin;
  Weir weir(origin);
  for (const char* first : {"/ignores?size=1KiB&n=4", "/refuses?status=400&size=1KiB&n=4"}) {
    CAPTURE(first);
    Client client(weir.port());
    client.send(format(upgrade(first)) + "\r\n" + format({.target = "/next?size=2KiB&n=5"}));
    const Response answer = client.receive({.content = 4});
    CHECK(answer.status == (std::string_view(first).starts_with("/refuses") ? 400 : 200));
    CHECK(answer.right());
    const Response next = client.receive({.content = 5});
    CHECK(next.status == 200);
    CHECK(next.right());
    CHECK(client.exchange({.target = "/third?size=3KiB&n=6"}, {.content = 6}).right());
    CHECK(weir.log_line("/next").value("status", 0) == 200);
  }
  CHECK(metric(weir, "weir_tunnels_ended_total") == 0);
}

TEST_CASE("Content, HTTP/1.0 and other methods make no tunnel") {
  const Origin origin;
  Weir weir(origin);
  Request with_content = upgrade("/content?size=1KiB&n=4&upgrade=websocket");
  with_content.body = "abc";
  Request post = with_content;
  post.method = "POST";
  Request chunked = with_content;
  chunked.chunked = true;
  Request head = upgrade("/head?size=1KiB&n=4&upgrade=websocket");
  head.method = "HEAD";
  Request old = upgrade("/old?size=1KiB&n=4&upgrade=websocket");
  old.version = "1.0";
  for (const Request& request : {with_content, post, chunked, head, old}) {
    CAPTURE(format(request));
    const bool to_head = request.method == "HEAD";
    const Response answer = fetch(weir.port(), request, {.to_head = to_head});
    CHECK(answer.status == 200);
    CHECK(answer.complete());
    CHECK_FALSE(origin.last_field("Upgrade"));
  }
}

TEST_CASE("An upgrade that is not allowed is ignored, and what the origin refuses is delivered") {
  const Origin origin;
  Weir weir(origin,
            "[[site]]\nhosts = [\"off\"]\norigin = \"main\"\nupgrade = [\"off\"]\n"
            "[[site]]\nhosts = [\"*\"]\norigin = \"main\"\n");
  const auto plain = [&](Request request, bool asked) {
    CAPTURE(request.target);
    Client client(weir.port());
    for (int i = 0; i < 2; ++i) {
      const Response answer = client.exchange(request, {.content = 4});
      CHECK(answer.status == 200);
      CHECK(answer.right());
      CHECK(answer.count("Upgrade") == 0);
    }
    CHECK(origin.last_field("Upgrade").has_value() == asked);
  };
  plain(upgrade("/other?size=1KiB&n=4&upgrade=websocket", "other"), false);
  plain(upgrade("/h2c?size=1KiB&n=4&upgrade=websocket", "h2c"), false);
  plain(upgrade("/refused?size=1KiB&n=4"), true);
  Request off = upgrade("/off?size=1KiB&n=4&upgrade=websocket");
  off.fields.push_back({"Host", "off"});
  plain(off, false);
  Request silent = upgrade("/no-connection?size=1KiB&n=4&upgrade=websocket");
  silent.fields[0].value = "keep-alive";
  plain(silent, false);
  // What is ignored is a request like any other, so it may be answered from the cache.
  plain(upgrade("/kept?size=1KiB&n=4&cc=max-age=60&upgrade=websocket", "other"), false);
  CHECK(origin.requests("/kept?size=1KiB&n=4&cc=max-age=60&upgrade=websocket") == 1);
}

TEST_CASE("A 101 to something that nobody asked for is a bad gateway") {
  const Origin origin;
  Weir weir(origin);
  CHECK(fetch(weir.port(), upgrade("/a?upgrade=websocket&switch_to=other")).status == 502);
  CHECK(get(weir.port(), "/b?upgrade=websocket&switch_to=websocket").status == 502);
}

TEST_CASE("One tunnel too many is refused by name, and those before it go on") {
  const Origin origin;
  Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"" +
            origin.address() + "\"]\nmax_tunnels = 1\n");
  Client first(weir.port());
  Response head = open_tunnel(first, upgrade("/first?upgrade=websocket"));
  REQUIRE(head.status == 101);
  const Response refused = fetch(weir.port(), upgrade("/second?upgrade=websocket"));
  CHECK(refused.status == 503);
  CHECK(refused.body.find("tunnels_full") != std::string::npos);
  CHECK(get(weir.port(), "/plain?size=10").status == 200);
  first.send("x");
  first.receive_body(head, {.stop_at = 1});
  CHECK(head.body == "x");
  first.half_close();
  CHECK(first.receive_end() == End::kComplete);
  CHECK(eventually(
      [&] { return fetch(weir.port(), upgrade("/third?upgrade=half-close")).status == 101; }));
}

TEST_CASE(
    "A tunnel in which nothing moves ends after tunnel_idle_timeout, and one that moves not") {
  const Origin origin;
  Weir weir(origin, "[http]\ntunnel_idle_timeout = \"3 s\"\n");
  Client busy(weir.port());
  Response head = open_tunnel(busy, upgrade("/busy?upgrade=websocket"));
  REQUIRE(head.status == 101);
  Client idle(weir.port());
  REQUIRE(open_tunnel(idle, upgrade("/idle?upgrade=websocket")).status == 101);
  for (int i = 0; i < 25; ++i) {
    std::this_thread::sleep_for(Millis(150));
    busy.send("x");
    head.body_bytes = 0;
    busy.receive_body(head, {.stop_at = 1});
  }
  CHECK(head.body == std::string(25, 'x'));
  CHECK(idle.receive_end() == End::kReset);  // neither side has ended it
  const json line = late_line(weir, "/idle");
  CHECK(line.value("close", "") == "tunnel_idle");
  CHECK_FALSE(line.value("complete", true));
}

TEST_CASE("A client that reads nothing of a tunnel holds up nobody else and is reset by name") {
  const Origin origin;
  Weir weir(origin, "[server]\nworkers = 1\n[delivery]\nzero_window_timeout = \"3 s\"\n");
  Client stuck(weir.port(), {.receive_buffer = 16384});
  REQUIRE(open_tunnel(stuck, upgrade("/stuck?upgrade=websocket&size=64MiB")).status == 101);
  REQUIRE(eventually([&] { return metric(weir, "weir_tunnel_bytes_total") > 0; }));
  Client other(weir.port());
  Response head = open_tunnel(other, upgrade("/other?upgrade=websocket&size=1MiB&n=2"));
  REQUIRE(head.status == 101);
  other.receive_body(head, {.content = 2, .stop_at = kMiB});
  CHECK_FALSE(head.wrong_at);
  const json line = late_line(weir, "/stuck");
  CHECK(line.value("close", "") == "zero_window");
  CHECK_FALSE(line.value("complete", true));
  CHECK(line.value("body_bytes", kMiB) < kMiB);  // Weir's kernel has some, Weir a buffer of it
  CHECK(eventually([&] { return metric(weir, "weir_origin_connections") == 1; }));
}

TEST_CASE("An origin that reads nothing of a tunnel is given up by name") {
  const Origin origin;
  Weir weir(origin, "[delivery]\nzero_window_timeout = \"3 s\"\n");
  Client client(weir.port());
  REQUIRE(open_tunnel(client, upgrade("/deaf?upgrade=stop")).status == 101);
  std::thread writer([&] { client.send(content(1, 64 * kMiB)); });
  const json line = late_line(weir, "/deaf");
  writer.join();
  CHECK(line.value("close", "") == "tunnel_stalled");
}

TEST_CASE("SIGTERM leaves a tunnel its drain_timeout") {
  const Origin origin;
  Weir weir(origin, "[server]\ndrain_timeout = \"20 s\"\n");
  Client client(weir.port());
  Response head = open_tunnel(client, upgrade("/drained?upgrade=websocket"));
  REQUIRE(head.status == 101);
  weir.process().signal(SIGTERM);
  std::this_thread::sleep_for(Millis(300));
  client.send("still");
  client.receive_body(head, {.stop_at = 5});
  CHECK(head.body == "still");
  client.half_close();
  CHECK(client.receive_end() == End::kComplete);
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  CHECK(weir.log_line("/drained").value("close", "") == "tunnel_ended");
}

TEST_CASE("A tunnel that outlasts drain_timeout is cut") {
  const Origin origin;
  Weir weir(origin, "[server]\ndrain_timeout = \"500 ms\"\n");
  Client client(weir.port());
  REQUIRE(open_tunnel(client, upgrade("/cut?upgrade=websocket")).status == 101);
  weir.process().signal(SIGTERM);
  CHECK(client.receive_end() == End::kReset);
  CHECK(weir.process().wait(Millis(10'000)) == Exit{0, 0});
  CHECK(weir.log_line("/cut").value("close", "") == "drain_timeout");
}

// RFC 6455 by a client of its own: handshake, masked frames, close; plain, and with TLS on both
// sides.
struct TlsWorld {
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  const Origin origin{
      0, {"--tls-certificate", certificate + ".pem", "--tls-key", certificate + ".key"}};
  Weir weir{"[[origin]]\nname = \"main\"\nservers = [\"https://" + origin.address() +
            "\"]\ntls_verify = false\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen.tls]]\n"
            "certificate = \"" +
            certificate + ".pem\"\nkey = \"" + certificate + ".key\"\n"};
};

void talk(Weir& weir, const char* how) {
  const Finished said = run(
      {"/usr/bin/python3", WEIR_E2E_DIR "/websocket_client.py", std::to_string(weir.port()), how});
  CAPTURE(said.out);
  CAPTURE(said.err);
  CHECK(said.exit == Exit{0, 0});
}

TEST_CASE("A WebSocket client talks through Weir, plainly and with TLS on both sides") {
  const Origin origin;
  Weir plain(origin);
  talk(plain, "plain");
  CHECK(plain.log_line("/chat").value("close", "") == "tunnel_ended");
  TlsWorld tls;
  talk(tls.weir, "tls");
  CHECK(tls.weir.log_line("/chat").value("close", "") == "tunnel_ended");
}

TEST_CASE("A client's TLS that ends without close_notify is no end for the origin") {
  TlsWorld tls;
  talk(tls.weir, "bare");
  const json line = tls.weir.log_line("/chat");
  CHECK(line.value("close", "") == "tunnel_cut");
  CHECK_FALSE(line.value("complete", true));
}

TEST_CASE("An origin's TLS that ends without close_notify is no end for the client") {
  TlsWorld tls;
  Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"https://" +
            tls.origin.address() + "\"]\ntls_verify = false\n");
  Client client(weir.port());
  // Its FIN comes from below TLS.
  Response head = open_tunnel(client, upgrade("/bare?upgrade=half-close&size=50KiB&n=2"));
  REQUIRE(head.status == 101);
  client.receive_body(head, {.content = 2});
  CHECK(head.body_bytes == 50 * 1024);
  CHECK_FALSE(head.wrong_at);
  CHECK(head.end == End::kReset);
  CHECK(weir.log_line("/bare").value("close", "") == "tunnel_cut");
}

}  // namespace
}  // namespace weir::test
