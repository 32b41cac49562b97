#pragma once
// What tests of front/ stand on: a Frontend on a Loop of this thread, clients that talk to it over
// loopback, and a Service whose answers the test decides about.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "body/fake_source.h"
#include "body/text_body.h"
#include "front/frontend.h"
#include "net/loopback.h"

namespace weir::front {

using namespace std::chrono_literals;
using test::run_until;

// Answers each request at once with a body of as many bytes as its target says ("/100"), but for
// targets that begin with "/wait": those the test answers.
class Answers final : public Service {
 public:
  struct Done {
    std::string target;
    Ending ending;
  };

  explicit Answers(body::ChunkSource& source) : source_(source) {}
  Handler& begin() override { return handlers_.emplace_back(*this); }
  void on_refused(const Stream& stream, const Ending& ending) override {
    done.push_back({stream.request().target, ending});
  }
  void answer(Stream& stream, std::size_t size) {
    const std::string text(size, 'x');
    const auto body = size > 0 ? body::text_body(source_, text) : Ref<body::Body>();
    stream.reply({.body = body, .length = size});
  }

  std::vector<Stream*> waiting;  // requests for "/wait...", in their order
  std::vector<Done> done;
  int sent = 0;

 private:
  struct One final : Handler {
    explicit One(Answers& a) : answers(a) {}
    void on_request(Stream& stream) override {
      const std::string& target = stream.request().target;
      if (target.starts_with("/wait")) {
        answers.waiting.push_back(&stream);
      } else {
        answers.answer(stream, std::stoul(target.substr(1)));
      }
    }
    std::optional<Error> on_hole(Stream&, const body::Hole&) override {
      return Error{Errc::kOriginCut};
    }
    void on_sent(Stream&) override { ++answers.sent; }
    void on_done(Stream& stream, const Ending& ending) override {
      answers.done.push_back({stream.request().target, ending});
    }
    Answers& answers;
  };

  body::ChunkSource& source_;
  std::deque<One> handlers_;
};

struct Client {
  bool tell(std::string_view text) {
    return send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  void half_close() { shutdown(fd.get(), SHUT_WR); }
  // Reads what is there; whether the connection has ended.
  bool read() {
    char buffer[65536];
    ssize_t n;
    while ((n = recv(fd.get(), buffer, sizeof buffer, 0)) > 0) {
      got.append(buffer, static_cast<std::size_t>(n));
    }
    if (n < 0 && errno != EAGAIN) error = errno;
    ended = ended || n == 0 || error != 0;
    return ended;
  }
  std::size_t answers(std::string_view status = "200") const {
    const std::string line = "HTTP/1.1 " + std::string(status);
    std::size_t n = 0;
    for (std::size_t at = 0; (at = got.find(line, at)) != std::string::npos; ++at) ++n;
    return n;
  }

  test::Fd fd;
  std::string got = {};
  bool ended = false;
  int error = 0;
};

inline std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

// A body of this size stays in the kernel, for the most part, with a client of a small buffer.
inline constexpr std::size_t kLarge = 100'000;
inline const std::string kGetLarge = get("/100000");

struct Stage {
  explicit Stage(Settings s = {}, ListenSettings l = {})
      : settings(std::move(s)),
        listen(std::make_shared<ListenSettings>(l)),
        frontend(loop, settings, answers, source, connections, stats, nullptr) {
    const auto fd = net::Listener::open_socket(*net::parse_address("127.0.0.1:0"), 64);
    REQUIRE(fd);
    address = net::local_address(*fd);
    frontend.listen(*fd, listen);
  }

  // `buffer`: SO_RCVBUF, 0: the kernel's choice. Not yet accepted.
  Client connect(int buffer = 0) {
    test::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (buffer != 0) setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    REQUIRE(::connect(fd.get(), address.raw(), address.length) == 0);
    fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    return {.fd = std::move(fd)};
  }
  bool until(std::function<bool()> holds) { return run_until(loop, std::move(holds)); }
  // Asks and reads nothing, until all of the answer is in the kernel.
  Client owed(const std::string& request = kGetLarge) {
    Client client = connect(4096);
    const int before = answers.sent;
    REQUIRE(client.tell(request));
    REQUIRE(until([&] { return answers.sent > before; }));
    return client;
  }
  void pass(Duration time) {
    const TimePoint end = after(loop.now(), time);
    until([&] { return loop.now() > end; });
  }
  // Until the idle timeout has passed, as another client sees that is owed nothing.
  void pass_idle_timeout() {
    Client witness = connect();
    REQUIRE(until([&] { return witness.read(); }));
  }
  // Until what came before has been seen: another client asked and was answered twice.
  void settle() {
    Client witness = connect();
    for (std::size_t i = 1; i <= 2; ++i) {
      REQUIRE(witness.tell(get("/0")));
      REQUIRE(until([&] { return witness.read(), witness.answers() == i; }));
    }
  }
  const Ending* ending(std::string_view target) const {
    for (const auto& done : answers.done) {
      if (done.target == target) return &done.ending;
    }
    return nullptr;
  }

  net::Loop loop;
  body::FakeSource source;
  Answers answers{source};
  Stats stats;
  Connections connections{0};
  Settings settings;
  std::shared_ptr<const ListenSettings> listen;
  Frontend frontend;
  net::Address address;
};

}  // namespace weir::front
