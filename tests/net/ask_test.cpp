#include "net/ask.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "net/loopback.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// Answers one connection: reads to `end_of_question`, writes, closes.
class Server {
 public:
  Server(std::string end_of_question, std::string answer)
      : fd_(listen_somewhere()),
        address_(net::local_address(fd_.get())),
        thread_([this, end = std::move(end_of_question), text = std::move(answer)] {
          serve(end, text);
        }) {}
  ~Server() { thread_.join(); }
  const net::Address& address() const { return address_; }
  const std::string& asked() const { return asked_; }

 private:
  void serve(const std::string& end, const std::string& text) {
    const Fd client(accept(fd_.get(), nullptr, nullptr));
    char piece[256];
    while (!asked_.ends_with(end)) {
      const ssize_t n = recv(client.get(), piece, sizeof piece, 0);
      if (n <= 0) return;
      asked_.append(piece, static_cast<std::size_t>(n));
    }
    send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  Fd fd_;
  net::Address address_;
  std::string asked_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a question gets the whole answer") {
  const std::string answer(300'000, 'a');
  Server server("?", answer);
  const auto got = net::ask(server.address(), "who?", 10s);
  REQUIRE(got.has_value());
  CHECK(*got == answer);
  CHECK(server.asked() == "who?");
}

TEST_CASE("where nobody listens the question is refused") {
  net::Address nobody;
  {
    const Fd fd = listen_somewhere();
    nobody = net::local_address(fd.get());
  }
  const auto got = net::ask(nobody, "who?", 10s);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code == Errc::kConnectRefused);
}

TEST_CASE("who does not answer in time is given up") {
  const Fd fd = listen_somewhere();
  const auto got = net::ask(net::local_address(fd.get()), "who?", 1ms);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code == Errc::kBetweenBytesTimeout);
}

}  // namespace weir::test
