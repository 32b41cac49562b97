#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/log.h"
#include "loopback.h"
#include "net/conn.h"

using namespace weir;
using namespace weir::net;
using test::connect_to;
using test::Fd;
using test::run_rounds;
using test::run_until;

namespace {

int open_or_fail(const char* address) {
  const Result<int> fd = Listener::open_socket(*parse_address(address), 64);
  REQUIRE(fd);
  return *fd;
}

bool takes_both(int fd) {
  int v6only = 1;
  socklen_t size = sizeof v6only;
  return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size) == 0 && v6only == 0;
}

struct Door final : Listener::Owner {
  explicit Door(Loop& loop, const char* address = "127.0.0.1:0")
      : listener(loop, open_or_fail(address), *this) {}
  void on_accept(Listener&, int fd, const Address& peer) override {
    accepted.emplace_back(fd);
    peers.push_back(peer);
  }
  bool may_accept(const Listener&) override { return accepted.size() < most; }

  std::size_t most = 1000;
  std::vector<Fd> accepted;
  std::vector<Address> peers;
  Listener listener;
};

// Lines of the log while it lives.
struct LogLines {
  LogLines() {
    lines().clear();
    set_log_sink([](LogLevel, std::string_view line) { lines().emplace_back(line); },
                 LogLevel::kWarn);
  }
  ~LogLines() { set_log_sink(nullptr, LogLevel::kError); }
  static std::vector<std::string>& lines() {
    static std::vector<std::string> kept;
    return kept;
  }
};

// Lets this process open no further descriptor while it lives.
struct NoDescriptors {
  NoDescriptors() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = dup(0);
    REQUIRE(next >= 0);
    close(next);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE(
    "all sockets of one wildcard address are alike, also those made by the first one's port") {
  const Fd first(open_or_fail("*:0"));
  const Address address = local_address(first.get());
  if (address.family() != AF_INET6) return;  // there is no IPv6 here
  CHECK(address.dual_stack);
  CHECK(address == *parse_address("*:" + std::to_string(address.port())));
  const Result<int> second = Listener::open_socket(address, 64);
  REQUIRE(second);
  const Fd owned(*second);
  CHECK((takes_both(first.get()) && takes_both(owned.get())));
  const Fd narrow(open_or_fail("[::]:0"));
  CHECK_FALSE(local_address(narrow.get()).dual_stack);
}

TEST_CASE("connections are accepted, non-blocking, with TCP_NODELAY and their peer's address") {
  Loop loop;
  Door door(loop);
  CHECK(door.listener.local().port() != 0);
  std::vector<Fd> clients;
  for (int i = 0; i < 100; ++i) {  // more than one event takes
    clients.push_back(connect_to(door.listener.local()));
    run_rounds(loop, 1);
  }
  REQUIRE(run_until(loop, [&] { return door.accepted.size() == 100; }));
  const int fd = door.accepted[0].get();
  CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(test::option(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(door.peers[0] == local_address(clients[0].get()));
}

TEST_CASE("options set on the listening socket are inherited by what it accepts") {
  Loop loop;
  Door door(loop);
  const int own = door.listener.fd();
  set_client_options(own, {});
  const Fd client = connect_to(door.listener.local());
  REQUIRE(run_until(loop, [&] { return door.accepted.size() == 1; }));
  const int fd = door.accepted[0].get();
  constexpr int kRtoMaxMs = 44;  // TCP_RTO_MAX_MS
  for (const int name : {TCP_NOTSENT_LOWAT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, kRtoMaxMs}) {
    CAPTURE(name);
    CHECK(test::option(fd, IPPROTO_TCP, name) == test::option(own, IPPROTO_TCP, name));
  }
  CHECK(test::option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
}

TEST_CASE("a port in use, or an address that is not ours, is an error with its errno") {
  const Fd taken = test::listen_somewhere();  // without SO_REUSEPORT
  const Result<int> fd = Listener::open_socket(local_address(taken.get()), 64);
  REQUIRE(!fd);
  CHECK(fd.error() == Error{Errc::kSystem, EADDRINUSE});
  CHECK(Listener::open_socket(*parse_address("192.0.2.1:0"), 64).error().sys == EADDRNOTAVAIL);
}

TEST_CASE("several workers listen on one port") {
  const Fd first(open_or_fail("127.0.0.1:0"));
  const Result<int> second = Listener::open_socket(local_address(first.get()), 64);
  REQUIRE(second);
  CHECK(local_address(*second) == local_address(first.get()));
  close(*second);
}

TEST_CASE("a socket that somebody else opened is made one of ours, and can be shared") {
  const Fd other(::socket(AF_INET, SOCK_STREAM, 0));
  CHECK(Listener::adopt(other.get(), 64).error().sys == EINVAL);  // it does not listen
  CHECK(Listener::adopt(-1, 64).error().sys == EBADF);
  const Address any = *parse_address("127.0.0.1:0");
  REQUIRE(::bind(other.get(), any.raw(), any.length) == 0);
  REQUIRE(::listen(other.get(), 1) == 0);
  const auto adopted = Listener::adopt(other.get(), 64);
  REQUIRE(adopted);
  CHECK(*adopted == local_address(other.get()));
  CHECK((::fcntl(other.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(other.get(), F_GETFD) & FD_CLOEXEC) != 0);
  const auto copy = Listener::share(other.get());
  REQUIRE(copy);
  const Fd shared(*copy);
  CHECK(local_address(shared.get()) == *adopted);
}

TEST_CASE("a probe tells whether somebody listens there, also with SO_REUSEPORT") {
  Address address;
  {
    const Fd first(open_or_fail("127.0.0.1:0"));
    address = local_address(first.get());
    const Result<void> taken = Listener::probe(address);
    REQUIRE(!taken);
    CHECK(taken.error().sys == EADDRINUSE);
  }
  CHECK(Listener::probe(address));
}

TEST_CASE("a paused listener leaves clients in the backlog until it is resumed") {
  Loop loop;
  Door door(loop);
  door.listener.pause();
  const Fd client = connect_to(door.listener.local());
  run_rounds(loop, 20);
  CHECK(door.accepted.empty());
  door.listener.resume();
  REQUIRE(run_until(loop, [&] { return door.accepted.size() == 1; }));
}

TEST_CASE("above the owner's limit clients wait, and are accepted when there is room") {
  const LogLines log;
  Loop loop;
  Door door(loop);
  door.most = 1;
  const Fd a = connect_to(door.listener.local()), b = connect_to(door.listener.local());
  REQUIRE(run_until(loop, [&] { return !log.lines().empty(); }));
  CHECK(door.accepted.size() == 1);
  door.accepted.clear();
  REQUIRE(run_until(loop, [&] { return door.accepted.size() == 1; }));  // by itself
}

TEST_CASE("a resting listener is resumed at once when asked") {
  const LogLines log;
  Loop loop;
  Door door(loop);
  door.most = 0;
  const Fd client = connect_to(door.listener.local());
  REQUIRE(run_until(loop, [&] { return !log.lines().empty(); }));
  door.most = 1;
  door.listener.resume();
  run_rounds(loop, 3);
  CHECK(door.accepted.size() == 1);
}

TEST_CASE("out of descriptors, it rests, says so once, and goes on by itself") {
  const LogLines log;
  Loop loop;
  Door door(loop);
  const Fd client = connect_to(door.listener.local());
  {
    const NoDescriptors none;
    const TimePoint start = loop.now();
    // Long enough for a second try, which must not say it again.
    REQUIRE(run_until(loop, [&] { return loop.now() - start > std::chrono::milliseconds(250); }));
    CHECK(door.accepted.empty());
  }
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines()[0].find("Too many open files") != std::string::npos);
  REQUIRE(run_until(loop, [&] { return door.accepted.size() == 1; }));
}

TEST_CASE("the star takes both families and calls IPv4 clients by their IPv4 address") {
  Loop loop;
  Door door(loop, "*:0");
  const std::uint16_t port = door.listener.local().port();
  const Fd four = connect_to(*parse_address("127.0.0.1", port));
  REQUIRE(run_until(loop, [&] { return door.accepted.size() == 1; }));
  CHECK(door.peers[0].host_text() == "127.0.0.1");
}

TEST_CASE("the IPv6 wildcard alone takes no IPv4") {
  if (const Fd six(socket(AF_INET6, SOCK_STREAM, 0)); six.get() < 0) return;  // no IPv6 here
  Loop loop;
  Door door(loop, "[::]:0");
  const Address four = *parse_address("127.0.0.1", door.listener.local().port());
  const Fd client(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(client.get(), four.raw(), four.length) == -1);
  CHECK(errno == ECONNREFUSED);
}

TEST_CASE("who waits in the queue can be taken before the listener closes, whatever the limit") {
  Loop loop;
  std::vector<Fd> accepted;
  std::vector<Fd> clients;
  {
    Door door(loop);
    door.most = 0;
    for (int i = 0; i < 40; ++i) clients.push_back(connect_to(door.listener.local()));
    run_rounds(loop, 5);
    REQUIRE(door.listener.queue().waiting == 40);
    door.listener.accept_waiting();
    CHECK(door.listener.queue().waiting == 0);
    accepted = std::move(door.accepted);
  }
  CHECK(accepted.size() == 40);
  for (const Fd& client : clients) {
    char c;
    CHECK(recv(client.get(), &c, 1, MSG_PEEK) < 0);
    CHECK(errno == EAGAIN);  // no reset
  }
}
