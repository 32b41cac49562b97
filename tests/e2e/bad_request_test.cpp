// Requests that are wrong, too large or strangely sent.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "support/fixtures.h"

namespace weir::test {

TEST_CASE("A malformed request is answered 400, whole, and the connection ends") {
  const Origin origin;
  const Weir weir(origin);
  for (const char* request : {
           "GARBAGE\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",                           // RFC 9112 §3.2
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",     // RFC 9112 §3.2
           "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",              // RFC 9110 §7.2
           "GET x HTTP/1.1\r\nHost: a\r\n\r\n",                // RFC 9112 §3.2.1
           "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",             // RFC 9112 §3.2
           "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",                // RFC 9110 §9.1
           "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",  // RFC 9112 §5.2
           "GET / HTTP/1.1\r\nHost: a\r\nName : x\r\n\r\n",    // RFC 9112 §5.1
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01"
           "b\r\n\r\n",                                                // RFC 9110 §5.5
           "GET / HTTP/1.1\nHost: a\n\n",                              // RFC 9112 §2.2
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",             // RFC 9112 §2.2
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",  // RFC 9112 §6.3
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",  // §7.1
       }) {
    CAPTURE(std::string(request));
    Client client(weir.port());
    client.send(std::string_view(request));
    const Response response = client.receive({.timeout = Millis(5000)});
    CAPTURE(response.summary());
    CHECK(response.status == 400);
    CHECK(response.complete());
    CHECK(client.receive_end(Millis(5000)) == End::kComplete);
  }
  CHECK(get(weir.port(), "/still?size=9&n=1", {.content = 1}).right());
}

TEST_CASE("An unknown transfer coding is refused") {
  const Origin origin;
  const Weir weir(origin);
  Client client(weir.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
  const int status = client.receive().status;
  CHECK((status == 400 || status == 501));  // RFC 9112 §6.1
  CHECK(origin.count("total") == 0);
}

TEST_CASE("A refusal arrives whole although the client goes on sending") {
  const Origin origin;
  const Weir weir(origin);
  for (int i = 0; i < 5; ++i) {
    Client client(weir.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n");
    client.send(std::string(1 << 20, 'x'));
    const Response response = client.receive();
    CAPTURE(response.summary());
    CHECK(response.status == 400);
    CHECK(response.complete());
    CHECK(client.receive_end() == End::kComplete);
  }
}

TEST_CASE("A head that is too large is answered 431, a target that is too long 414") {
  const Origin origin;
  const Weir weir(origin);
  const auto status = [&](const std::string& request) {
    Client client(weir.port());
    client.send(request);
    const Response response = client.receive();
    CHECK(response.complete());
    CHECK(client.receive_end() == End::kComplete);
    return response.status;
  };
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  CHECK(status(start + "X: " + std::string(100'000, 'x') + "\r\n\r\n") == 431);
  std::string many = start;
  for (int i = 0; i < 200; ++i) {
    many += "X-" + std::to_string(i) + ": 1\r\n";
  }
  CHECK(status(many + "\r\n") == 431);
  CHECK(status("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
  CHECK(status("GET /" + std::string(200'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
  CHECK(origin.count("total") == 0);
}

TEST_CASE("A host that no site names is answered 404") {
  const Origin origin;
  const Weir weir("listen = \"127.0.0.1:0\"\n[[origin]]\nname = \"main\"\nservers = [\"" +
                  origin.address() +
                  "\"]\n[[site]]\nhosts = [\"known.example\"]\norigin = \"main\"\n");
  const auto status = [&](const char* host) {
    return get(weir.port(), "/x?size=1", {}, {{"Host", host}}).status;
  };
  CHECK(status("known.example") == 200);
  CHECK(status("KNOWN.example:80") == 200);
  CHECK(status("unknown.example") == 404);
}

TEST_CASE("A head that comes byte by byte is answered like any other") {
  const Origin origin;
  const Weir weir(origin);
  const std::string request = format({.target = "/bytes?size=1000&n=1&cc=max-age=60"});
  Client client(weir.port());
  for (int i = 0; i < 2; ++i) {
    client.send_in_pieces(request, 1, Millis(1));
    CHECK(client.receive({.content = 1}).right());
  }
  for (std::size_t split = 1; split < request.size(); ++split) {
    client.send(std::string_view(request).substr(0, split));
    CHECK(client.silent_for(Millis(1)));
    client.send(std::string_view(request).substr(split));
    CHECK(client.receive({.content = 1}).right());
  }
}

TEST_CASE("A request that never ends its head is answered 408") {
  const Origin origin;
  const Weir weir(origin, "[http]\nhead_timeout = \"200 ms\"\n");
  Client client(weir.port());
  client.send("GET / HTTP/1.1\r\nHos");
  const Response response = client.receive({.timeout = Millis(5000)});
  CHECK(response.status == 408);
  CHECK(client.receive_end(Millis(5000)) == End::kComplete);
}

}  // namespace weir::test
