// The PROXY protocol, from balancers in front and to origins behind.

#include <doctest/doctest.h>

#include <string>

#include "e2e/certificates.h"
#include "support/fixtures.h"

namespace weir::test {
namespace {

using namespace std::string_literals;

std::string conf(const Origin& origin, const std::string& listen) {
  return "origin = \"" + origin.address() + "\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n" + listen;
}

const std::string kTrusted = "proxy_protocol = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";
const std::string kLine = "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n";
const std::string kGet = "GET /x?size=9&cc=no-store HTTP/1.1\r\nHost: a.example\r\n\r\n";
const std::string kBinary =
    "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x27"s                          // TCP over IPv6, 39 bytes
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s                  // 2001:db8::1
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x04\xd2\x01\xbb"s  // 2001:db8::2
    "\x04\0\0"s;                                                   // a TLV without a value

std::uint64_t closed(Weir& weir, const char* reason) {
  return weir.status().at("connections").at("closed").value(reason, std::uint64_t{0});
}

TEST_CASE("The client whom a balancer names is the client, for log, origin and rules") {
  const Origin origin;
  Weir weir(conf(origin, kTrusted));
  struct Row {
    std::string header;
    std::string client;
  };
  const Row rows[] = {
      {kLine, "192.0.2.1"},
      {kBinary, "2001:db8::1"},
      {"PROXY UNKNOWN\r\n", "127.0.0.1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.header);
    for (const std::size_t piece : {1U, 30U, 1000U}) {
      Client client(weir.port());
      REQUIRE(client.send_in_pieces(row.header + kGet, piece, Millis(1)));
      CHECK(client.receive().status == 200);
      CHECK(origin.last_field("X-Forwarded-For") == row.client);
      // Once only: the next request on the connection stands alone.
      REQUIRE(client.send(kGet));
      CHECK(client.receive().status == 200);
    }
  }
  CHECK(weir.log_line("2001:db8::1").is_object());
}

TEST_CASE("Who is not listed cannot name a client, and who is must") {
  const Origin origin;
  Weir weir(conf(origin, kTrusted) + "[http]\nhandshake_timeout = \"300 ms\"\n");
  Client stranger(weir.port(), {.address = 2});
  stranger.send(kLine + kGet);
  CHECK(stranger.receive().status == 400);
  Client plain(weir.port(), {.address = 2});
  plain.send(kGet);
  CHECK(plain.receive().status == 200);
  CHECK(origin.last_field("X-Forwarded-For") == "127.0.0.2");

  Client silent(weir.port());
  Client forgetful(weir.port());
  forgetful.send(kGet);
  CHECK(forgetful.receive().status == 0);
  CHECK(silent.receive().status == 0);
  CHECK(eventually([&] { return closed(weir, "proxy_header") == 2; }));
}

TEST_CASE("The limit of connections for each client counts the clients that are named") {
  const Origin origin;
  Weir weir(conf(origin, kTrusted) + "[server]\nmax_connections_per_client = 1\n");
  Client first(weir.port());
  first.send(kLine + kGet);
  CHECK(first.receive().status == 200);
  Client again(weir.port());
  again.send(kLine + kGet);
  CHECK(again.receive().status == 503);
  Client other(weir.port());
  other.send(kBinary + kGet);
  CHECK(other.receive().status == 200);
}

TEST_CASE("A PROXY header stands in front of TLS") {
  const Origin origin;
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  Weir weir(conf(origin, kTrusted + "tls = { certificate = \"" + certificate + ".pem\", key = \"" +
                             certificate + ".key\" }\n"));
  const std::string port = std::to_string(weir.port());
  // curl names its own address.
  const Finished got = run({"/usr/bin/curl", "-s", "-S", "--haproxy-protocol", "--cacert",
                            certificate + ".pem", "--resolve", "a.example:" + port + ":127.0.0.1",
                            "https://a.example:" + port + "/x?echo=1"});
  CAPTURE(got.err);
  CHECK(got.exit == Exit{0, 0});
  CHECK(got.out.find("X-Forwarded-Proto: https") != std::string::npos);
}

TEST_CASE("An origin is told of each client by a PROXY header of its own, also through TLS") {
  const ScratchDirectory files;
  const std::string certificate = make_certificate(files, "a.example");
  const Origin origin(0, {"--proxy-protocol", "--tls-certificate", certificate + ".pem",
                          "--tls-key", certificate + ".key"});
  for (const std::string scheme : {"http://", "https://"}) {
    CAPTURE(scheme);
    origin.reset();
    Weir weir("[[listen]]\naddress = \"127.0.0.1:0\"\n" + kTrusted +
              "[[origin]]\nname = \"main\"\nservers = [\"" + scheme + origin.address() +
              "\"]\nproxy_protocol = true\n" +
              (scheme == "https://" ? "tls_ca = \"" + certificate + ".pem\"\n" : std::string()) +
              (scheme == "http://"
                   ? "health_check = \"/health?size=1\"\nhealth_interval = \"1 h\"\n"
                   : std::string()));
    const auto said = [&] { return origin.counts().at("proxy_header").get<std::string>(); };
    if (scheme == "http://") {
      CHECK(eventually([&] { return origin.requests("/health?size=1") == 1; }));
      CHECK(said() == "LOCAL");
    }
    for (int i = 0; i < 2; ++i) {
      Client client(weir.port());
      client.send(kLine + "GET /" + std::to_string(i) +
                  "?size=9 HTTP/1.1\r\nHost: a.example\r\n\r\n");
      CHECK(client.receive().status == 200);
      CHECK(said() == "192.0.2.1:1234");
    }
    Client client(weir.port());
    client.send(kBinary + kGet);
    CHECK(client.receive().status == 200);
    CHECK(said() == "2001:db8::1:1234");
    CHECK(origin.count("connections") == (scheme == "http://" ? 4 : 3));  // none was reused
  }
}

}  // namespace
}  // namespace weir::test
