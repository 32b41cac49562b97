// The client that judges Weir, judged itself: against canned bytes from a socket, so that no
// server's ideas are in between.

#include "support/client.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "support/content.h"
#include "support/fixtures.h"
#include "support/process.h"

namespace weir::test {

namespace {

enum class After { kFin, kReset, kHold };

// Listens, accepts one connection, sends these bytes, then ends the connection, or holds it until
// the client does.
class Canned {
 public:
  Canned(std::string bytes, After after) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_, 1);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, text = std::move(bytes), after] { play(text, after); });
  }
  ~Canned() {
    thread_.join();
    ::close(listener_);
  }
  Canned(const Canned&) = delete;
  Canned& operator=(const Canned&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void play(const std::string& text, After after) const {
    const int fd = ::accept(listener_, nullptr, nullptr);
    char waste[4096];
    ::recv(fd, waste, sizeof waste, 0);  // the request: unread bytes would turn the FIN into a RST
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (after == After::kReset) {
      while (::recv(fd, waste, sizeof waste, 0) > 0) {  // the client has half-closed: all was sent
      }
      const linger now{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    while (after == After::kHold && ::recv(fd, waste, sizeof waste, 0) > 0) {
    }
    ::close(fd);
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Response ask(const std::string& bytes, After after, Reading reading = {}) {
  const Canned server(bytes, after);
  Client client(server.port());
  client.send(Request{});
  if (after == After::kReset) {
    client.half_close();
  }
  return client.receive(reading);
}

}  // namespace

TEST_CASE("The client tells how a response ended") {
  struct Row {
    const char* bytes;
    After after;
    End end;
    int status;
    const char* body;
  };
  const Row rows[] = {
      // By length, RFC 9112 §6.3
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", After::kHold, End::kComplete, 200,
       "hello"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", After::kHold, End::kComplete, 200, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", After::kFin, End::kShortEof, 200,
       "hello"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", After::kReset, End::kReset, 200,
       "hello"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", After::kHold, End::kTimeout, 200,
       "hello"},
      // Chunked, §7.1
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
       After::kHold, End::kComplete, 200, "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", After::kFin,
       End::kShortEof, 200, "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", After::kFin,
       End::kShortEof, 200, "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
       After::kHold, End::kMalformed, 200, "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
       After::kHold, End::kMalformed, 200, ""},
      // Until close
      {"HTTP/1.1 200 OK\r\n\r\nhello", After::kFin, End::kComplete, 200, "hello"},
      {"HTTP/1.1 200 OK\r\n\r\nhello", After::kReset, End::kReset, 200, "hello"},
      // No body, whatever the fields say
      {"HTTP/1.1 204 No Content\r\n\r\n", After::kHold, End::kComplete, 204, ""},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", After::kHold, End::kComplete, 304,
       ""},
      // No head
      {"", After::kFin, End::kShortEof, 0, ""},
      {"", After::kReset, End::kReset, 0, ""},
      {"HTTP/1.1 200 OK\r\nContent-Le", After::kFin, End::kShortEof, 200, ""},
      // What no server may send
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", After::kHold,
       End::kMalformed, 200, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", After::kHold,
       End::kMalformed, 200, ""},
      {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", After::kHold, End::kMalformed, 0, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", After::kHold, End::kMalformed, 200,
       ""},
      {"HTTP/2 200\r\n\r\n", After::kHold, End::kMalformed, 0, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.bytes));
    const Response response = ask(row.bytes, row.after, {.timeout = Millis(200)});
    CAPTURE(response.summary());
    CHECK(response.end == row.end);
    CHECK(response.status == row.status);
    CHECK(response.body == row.body);
  }
}

TEST_CASE("The client passes over interim responses and keeps trailers") {
  const Response response =
      ask("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
          "1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n",
          After::kHold);
  CHECK(response.complete());
  CHECK(response.interim == std::vector<int>{100, 103});
  CHECK(response.count("X-A") == 2);
  CHECK(response.field("x-A") == "1");
  REQUIRE(response.trailers.size() == 1);
  CHECK(response.trailers[0].name == "X-Sum");
  CHECK(response.trailers[0].value == "7");
}

TEST_CASE("The client finds the first wrong byte") {
  std::string body(1000, '\0');
  fill_content(7, 0, body);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  CHECK(ask(head + body, After::kHold, {.content = 7}).right());
  CHECK(ask(head + body, After::kHold, {.content = 8}).wrong_at == 0);
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{7}, std::size_t{501}, std::size_t{999}}) {
    std::string wrong = body;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    const Response response = ask(head + wrong, After::kHold, {.content = 7});
    CHECK(response.complete());
    CHECK(response.wrong_at == at);
  }
  const std::string range =
      "HTTP/1.1 206 P\r\nContent-Length: 987\r\nContent-Range: bytes 13-999/1000";
  CHECK(ask(range + "\r\n\r\n" + body.substr(13), After::kHold, {.content = 7}).right());
}

TEST_CASE("Content is the same from whatever offset it is made") {
  std::string whole(300, '\0');
  fill_content(99, 5, whole);
  for (std::size_t offset = 0; offset < 20; ++offset) {
    for (std::size_t size = 0; size < 20; ++size) {
      std::string part(size, '\0');
      fill_content(99, 5 + offset, part);
      CHECK(part == whole.substr(offset, size));
      CHECK(check_content(99, 5 + offset, part) == size);
    }
  }
  CHECK(content_byte(99, 5) == whole[0]);
  CHECK(content_byte(99, 5) == content_byte(99, 5));
  CHECK(check_content(98, 5, whole) < 8);
}

TEST_CASE("The client stops where it is told and goes on") {
  const Canned server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", After::kHold);
  Client client(server.port());
  client.send(Request{});
  Response response = client.receive_head();
  client.receive_body(response, {.stop_at = 4});
  CHECK(response.end == End::kStopped);
  CHECK(response.body == "0123");
  client.receive_body(response);
  CHECK(response.complete());
  CHECK(response.body == "0123456789");
  CHECK(client.silent_for(Millis(10)));
}

TEST_CASE("A process is watched, waited for and killed") {
  Process process({"/bin/sh", "-c", "echo one; echo two >&2; exec sleep 60"});
  CHECK(process.wait_for_line("on").value_or("-") == "e");
  CHECK(process.wait_for_line("tw").value_or("-") == "o");
  CHECK(!process.wait_for_line("three", Millis(20)));
  CHECK(!process.wait(Millis(20)));
  process.signal(SIGTERM);
  CHECK(process.wait(Millis(5000)) == Exit{-1, SIGTERM});
  CHECK(process.out() == "one\n");

  const Finished finished = run({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"});
  CHECK(finished.exit == Exit{3, 0});
  CHECK(finished.out == "out\n");
  CHECK(finished.err == "err\n");
  CHECK(run({"/no/such/program"}).exit == Exit{127, 0});
}

}  // namespace weir::test
