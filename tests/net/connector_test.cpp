#include "net/connector.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "fake_dns.h"
#include "loopback.h"

using namespace weir;
using namespace weir::net;
using namespace std::chrono_literals;
using test::Fd;
using test::run_rounds;
using test::run_until;

namespace {

struct Caller final : Connector::Owner {
  ~Caller() {
    if (result && *result) close((*result)->fd);
  }
  void on_connected(Result<Connected> r) override {
    result = r;
    connector.reset();
  }
  Errc error() const { return result && !*result ? result->error().code : Errc::kSystem; }
  std::unique_ptr<Connector> connector;
  std::optional<Result<Connected>> result;
};

// A port of 127.0.0.1 where nobody listens.
Address closed_port() { return local_address(test::listen_somewhere().get()); }

// Listens, but lets nobody in: its queue is full, so that SYNs are dropped as by a dead machine.
struct DeadEnd {
  DeadEnd() : fd(test::listen_somewhere(0)), address(local_address(fd.get())) {
    for (int i = 0; i < 3; ++i) clients.push_back(test::connect_to(address));
  }
  Fd fd;
  Address address;
  std::vector<Fd> clients;
};

}  // namespace

TEST_CASE("a literal is connected: non-blocking, TCP_NODELAY, to the named peer") {
  Loop loop;
  test::FakeDns dns;
  Resolver resolver(loop, 30s, dns.conf());
  const Fd listener = test::listen_somewhere();
  const Address there = local_address(listener.get());
  Caller caller;
  caller.connector =
      std::make_unique<Connector>(loop, resolver, HostPort{"127.0.0.1", there.port()}, 5s, caller);
  CHECK(!caller.result);
  REQUIRE(run_until(loop, [&] { return caller.result.has_value(); }));
  REQUIRE(caller.result->has_value());
  const int fd = (*caller.result)->fd;
  CHECK((*caller.result)->peer == there);
  CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(test::option(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
}

TEST_CASE("a name is resolved and its addresses tried until one listens") {
  Loop loop;
  test::FakeDns dns;
  dns.addresses["origin.test"] = {"::1", "127.0.0.1"};  // nobody listens at ::1
  Resolver resolver(loop, 30s, dns.conf());
  const Fd listener = test::listen_somewhere();
  Caller caller;
  caller.connector = std::make_unique<Connector>(
      loop, resolver, HostPort{"origin.test", local_address(listener.get()).port()}, 5s, caller);
  REQUIRE(run_until(loop, [&] {
    dns.serve();
    return caller.result.has_value();
  }));
  REQUIRE(caller.result->has_value());
  CHECK((*caller.result)->peer == local_address(listener.get()));
}

TEST_CASE("each way to fail has its error") {
  const DeadEnd dead;
  struct Row {
    std::vector<Address> addresses;
    Duration limit;
    Error wanted;
  };
  const Row rows[] = {
      {{closed_port()}, 5s, {Errc::kConnectRefused, ECONNREFUSED}},
      {{closed_port(), closed_port()}, 5s, {Errc::kConnectRefused, ECONNREFUSED}},
      {{*parse_address("255.255.255.255:1")}, 5s, {Errc::kConnectFailed, ENETUNREACH}},
      {{dead.address}, 20ms, {Errc::kConnectTimeout, ETIMEDOUT}},
      {{closed_port(), dead.address}, 20ms, {Errc::kConnectTimeout, ETIMEDOUT}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.addresses[0].text());
    Loop loop;
    Caller caller;
    caller.connector = std::make_unique<Connector>(loop, row.addresses, row.limit, caller);
    REQUIRE(run_until(loop, [&] { return caller.result.has_value(); }));
    REQUIRE(!caller.result->has_value());
    CHECK(caller.result->error().code == row.wanted.code);
    if (row.wanted.code != Errc::kConnectFailed) CHECK(caller.result->error() == row.wanted);
  }
}

TEST_CASE("a name that cannot be resolved, or not in time, fails as such") {
  Loop loop;
  test::FakeDns dns;
  Resolver resolver(loop, 30s, dns.conf());
  Caller nowhere, late;
  const auto connect = [&](Caller& caller, const char* host, Duration limit) {
    caller.connector =
        std::make_unique<Connector>(loop, resolver, HostPort{host, 80}, limit, caller);
  };
  connect(late, "late.test", 10ms);
  REQUIRE(run_until(loop, [&] { return late.result.has_value(); }));  // nobody serves
  CHECK(late.error() == Errc::kResolveFailed);
  connect(nowhere, "nowhere.test", 5s);
  REQUIRE(run_until(loop, [&] {
    dns.serve();
    return nowhere.result.has_value();
  }));
  CHECK(nowhere.error() == Errc::kResolveFailed);
}

TEST_CASE("an address that does not answer delays the next one only by the stagger") {
  Loop loop;
  const DeadEnd dead;
  const Fd listener = test::listen_somewhere();
  const Address alive = local_address(listener.get());
  Caller caller;
  caller.connector =
      std::make_unique<Connector>(loop, std::vector{dead.address, alive}, 5s, caller);
  REQUIRE(run_until(loop, [&] { return caller.result.has_value(); }));
  REQUIRE(caller.result->has_value());
  CHECK((*caller.result)->peer == alive);
}

TEST_CASE("an address that refuses does not delay the next one") {
  Loop loop;
  const Fd listener = test::listen_somewhere();
  const Address alive = local_address(listener.get());
  Caller caller;
  // The limit is shorter than the stagger.
  caller.connector =
      std::make_unique<Connector>(loop, std::vector{closed_port(), alive}, 200ms, caller);
  REQUIRE(run_until(loop, [&] { return caller.result.has_value(); }));
  REQUIRE(caller.result->has_value());
  CHECK((*caller.result)->peer == alive);
}

TEST_CASE("a local address is where a connection comes from, for peers of its family") {
  Loop loop;
  const Fd listener = test::listen_somewhere();
  const Address there = local_address(listener.get());
  Caller from_two, from_six;
  from_two.connector = std::make_unique<Connector>(loop, std::vector{there}, 5s, from_two,
                                                   parse_address("127.0.0.2", 0));
  from_six.connector =
      std::make_unique<Connector>(loop, std::vector{there}, 5s, from_six, parse_address("::1", 0));
  REQUIRE(run_until(loop, [&] { return from_two.result && from_six.result; }));
  REQUIRE(from_two.result->has_value());
  CHECK(local_address((*from_two.result)->fd).host_text() == "127.0.0.2");
  REQUIRE(!from_six.result->has_value());
  CHECK(from_six.result->error() == Error{Errc::kConnectFailed, EAFNOSUPPORT});
}

TEST_CASE("a destroyed Connector gives up silently") {
  Loop loop;
  const DeadEnd dead;
  Caller caller;
  caller.connector =
      std::make_unique<Connector>(loop, std::vector{dead.address, dead.address}, 5s, caller);
  SUBCASE("before it began") {}
  SUBCASE("while it connects") { run_rounds(loop, 20); }
  caller.connector.reset();
  run_rounds(loop, 20);
  CHECK(!caller.result);
}
