#include "origin/call.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "body/fake_source.h"
#include "net/loopback.h"

namespace weir::origin {
namespace {

using namespace std::chrono_literals;
using net::Loop;
using test::Fd;
using test::run_until;

// What a server does with each request once its head is there.
enum class Then { kStay, kClose, kReset };
struct Script {
  std::string answer;
  Then then = Then::kStay;
};

// A server on the test's own loop: its requests are answered by the scripts in turn, the last one
// again and again.
class Far {
 public:
  explicit Far(std::vector<Script> scripts)
      : listener_(test::listen_somewhere()), scripts_(std::move(scripts)) {
    fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
  }
  std::string name() const { return net::local_address(listener_.get()).text(); }

  void play() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      conns_.push_back({Fd(fd), {}, {}});
      ++accepted;
    }
    for (Peer& peer : conns_) play(peer);
    std::erase_if(conns_, [](const Peer& p) { return p.fd.get() < 0; });
  }

  int accepted = 0;
  std::size_t requests = 0;

 private:
  struct Peer {
    Fd fd;
    std::string in;
    std::optional<Script> out;  // what is left to send
  };

  void play(Peer& peer) {
    peer.in += test::receive(peer.fd.get());
    if (!peer.out && peer.in.find("\r\n\r\n") != peer.in.npos) {
      peer.in.clear();
      peer.out = scripts_[std::min(requests++, scripts_.size() - 1)];
    }
    if (!peer.out) return;
    std::string& left = peer.out->answer;
    const ssize_t n = send(peer.fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
    left.erase(0, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (!left.empty()) return;
    if (peer.out->then == Then::kClose) peer.fd.close();
    if (peer.out->then == Then::kReset) peer.fd.close_with_reset();
    peer.out.reset();
  }

  Fd listener_;
  std::vector<Script> scripts_;
  std::vector<Peer> conns_;
};

// One Call and what it said. Takes any body.
struct Caller final : Call::Owner, body::Waiter {
  void on_informational(const http::Response& r) override { informed.push_back(r.status); }
  void on_head(http::Response& r) override {
    status = r.status;
    if (!call->has_body()) return;
    body::BodyOptions options;
    if (r.framing == http::Framing::kLength) options.total = r.length;
    writer.emplace(make_ref<body::Body>(source, options), 0, body::kUnlimited, *this);
    call->receive(*writer, 0);
  }
  void on_switched(http::Response& r, Switched connection) override {
    status = r.status;
    switched.emplace(std::move(connection));
  }
  void on_blocked(body::BodyWriter::Stop) override {}
  void on_over(Result<void> r) override { result = r; }
  void wake() noexcept override {}

  void start(Pool& pool, http::Method method = http::Method::kGet, Ref<body::Body> body = {}) {
    request.method = method;
    request.method_text = http::method_name(method);
    request.target = "/";
    request.fields.set(http::FieldId::kHost, "example.org");
    const Route route{0, tried};
    call = std::make_unique<Call>(pool, request, std::move(body), route, *this);
  }

  body::FakeSource source;
  http::Request request;
  Tried tried;
  std::optional<body::BodyWriter> writer;
  std::optional<Switched> switched;
  std::unique_ptr<Call> call;
  std::vector<int> informed;
  int status = 0;
  std::optional<Result<void>> result;
};

Settings settings(const std::string& server) {
  Settings s;
  s.name = "test";
  s.servers.push_back({*net::split_host_port(server), server});
  s.first_byte_timeout = 50ms;
  s.between_bytes_timeout = 50ms;
  s.eject_on_5xx = true;
  s.server_max_connections = 1;
  return s;
}

struct Rig {
  explicit Rig(std::vector<Script> scripts)
      : far(std::move(scripts)), servers(settings(far.name())), pool(loop, resolver, servers) {}
  bool run(const std::function<bool()>& done) {
    return run_until(loop, [&] {
      far.play();
      return done();
    });
  }
  bool run(Caller& caller) {
    return run([&] { return caller.result.has_value(); });
  }

  Loop loop;
  net::Resolver resolver{loop};
  Far far;
  Servers servers;
  Pool pool;
};

const std::string kWhole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

}  // namespace

TEST_CASE("however a Call ends, its server hears of it once, and only what is whole is reused") {
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
  struct Row {
    Script script;
    std::optional<Errc> error;
    std::uint64_t failures;
    std::uint32_t kept;  // connections
  };
  const Row rows[] = {
      {{kWhole}, {}, 0, 1},
      {{"HTTP/1.1 204 No Content\r\n\r\n"}, {}, 0, 1},
      {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"}, {}, 0, 1},
      // Not again: RFC 9112 §9.3, §9.6, and what stands behind a response's end belongs to nobody.
      {{kWhole + "X"}, {}, 0, 0},
      {{"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n"}, {}, 0, 0},
      {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"}, {}, 0, 0},
      {{kWhole, Then::kClose}, {}, 0, 0},
      {{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"}, {}, 0, 0},
      {{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"}, {}, 0, 0},
      {{"HTTP/1.1 200 OK\r\n\r\nabc", Then::kClose}, {}, 0, 0},
      // Failures of the server.
      {{"", Then::kClose}, Errc::kOriginClosed, 1, 0},
      {{"", Then::kReset}, Errc::kOriginReset, 1, 0},
      {{""}, Errc::kFirstByteTimeout, 1, 0},
      {{"HTTP/1.1 200 OK\r\n"}, Errc::kFirstByteTimeout, 1, 0},
      {{"220 mail.example.org\r\n\r\n"}, Errc::kOriginBadResponse, 1, 0},
      {{"HTTP/1.1 101 Switching Protocols\r\n\r\n"}, Errc::kOriginBadResponse, 1, 0},
      {{cut + "abc", Then::kClose}, Errc::kOriginCut, 1, 0},
      {{cut + "abc"}, Errc::kBetweenBytesTimeout, 1, 0},
      {{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"}, {}, 1, 1},
      // It works, if not to the end.
      {{cut + std::string(2'000'000, 'a'), Then::kClose}, Errc::kOriginCut, 0, 0},
      {{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}, {}, 0, 1},
      {{"HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a')}, Errc::kOriginHeadTooLarge, 0, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.script.answer.substr(0, 80));
    Rig rig({row.script});
    Caller caller;
    caller.start(rig.pool);
    CHECK(rig.servers.balancer.view(0).outstanding == 1);
    REQUIRE(rig.run(caller));
    if (row.error) {
      REQUIRE(!caller.result->has_value());
      CHECK(caller.result->error().code == *row.error);
      CHECK(caller.tried.how(0) == Tried::How::kLast);
    } else {
      CHECK(caller.result->has_value());
      CHECK(caller.tried.size() == 0);
    }
    caller.call.reset();
    const Balancer::View view = rig.servers.balancer.view(0);
    CHECK(view.outstanding == 0);
    CHECK(view.failures == row.failures);
    CHECK(rig.run([&] { return rig.servers.limit.open() == row.kept; }));
    CHECK(rig.far.requests == 1);
  }
}

TEST_CASE("a 101 that was asked for gives the connection away, which counts until it dies") {
  Rig rig({{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nfirst words"}});
  Caller caller;
  caller.request.fields.set(http::FieldId::kUpgrade, "websocket");
  caller.start(rig.pool);
  REQUIRE(rig.run(caller));
  CHECK(caller.result->has_value());
  CHECK(caller.status == 101);
  REQUIRE(caller.switched);
  caller.call.reset();
  CHECK(caller.switched->take_early() == "first words");
  CHECK(caller.switched->conn().open());
  CHECK(rig.servers.balancer.view(0).outstanding == 1);
  CHECK(rig.servers.limit.open() == 1);
  caller.switched.reset();
  CHECK(rig.servers.balancer.view(0).outstanding == 0);
  CHECK(rig.servers.balancer.view(0).failures == 0);
  CHECK(rig.servers.limit.open() == 0);
}

TEST_CASE("no connection is a failure of the server") {
  std::string nobody;
  {
    const Far gone({{""}});
    nobody = gone.name();
  }
  Loop loop;
  net::Resolver resolver(loop);
  Servers servers(settings(nobody));
  Pool pool(loop, resolver, servers);
  Caller caller;
  caller.start(pool);
  REQUIRE(run_until(loop, [&] { return caller.result.has_value(); }));
  CHECK(caller.result->error().code == Errc::kConnectRefused);
  CHECK(servers.balancer.view(0).failures == 1);
  CHECK(servers.balancer.view(0).outstanding == 0);
  CHECK(servers.limit.open() == 0);
}

TEST_CASE("a Call that is destroyed early says nothing of its server, and frees its place") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
  for (const char* when : {"at once", "connected", "head", "body"}) {
    CAPTURE(std::string(when));
    const std::string until(when);
    Rig rig({{until == "body" ? head : ""}});
    Caller caller;
    caller.start(rig.pool);
    if (until == "connected") REQUIRE(rig.run([&] { return !caller.call->server().empty(); }));
    if (until == "head") REQUIRE(rig.run([&] { return rig.far.requests == 1; }));
    if (until == "body") REQUIRE(rig.run([&] { return caller.status == 200; }));
    caller.call.reset();
    CHECK(!caller.result);
    CHECK(rig.servers.balancer.view(0).outstanding == 0);
    CHECK(rig.servers.balancer.view(0).failures == 0);
    CHECK(rig.servers.limit.open() == 0);
  }
}

TEST_CASE("who finds all connections in use waits in line, and may leave it") {
  Rig rig({{""}, {kWhole}});  // the first one never gets an answer
  Caller first, second, third;
  first.start(rig.pool);
  second.start(rig.pool);
  third.start(rig.pool);
  REQUIRE(rig.run([&] { return rig.far.requests == 1; }));
  CHECK(rig.servers.limit.open() == 1);
  second.call.reset();
  REQUIRE(rig.run(third));
  CHECK(third.result->has_value());
  CHECK(first.result->error().code == Errc::kFirstByteTimeout);
  CHECK(rig.far.accepted == 2);
}

TEST_CASE("an idle connection of one worker makes room for another worker") {
  Rig rig({{kWhole}});
  Pool other(rig.loop, rig.resolver, rig.servers);
  Caller here, there;
  here.start(rig.pool);
  REQUIRE(rig.run(here));
  CHECK(rig.servers.limit.open() == 1);  // idle
  there.start(other);
  REQUIRE(rig.run(there));
  CHECK(there.result->has_value());
  CHECK(rig.servers.limit.open() == 1);
  CHECK(rig.pool.stats().idle_closed == 1);
}

TEST_CASE("a reused connection that dies before a byte is replaced once, where that is safe") {
  struct Row {
    http::Method method;
    Then dies;
    std::optional<Errc> error;
    int accepted;
  };
  const Row rows[] = {
      {http::Method::kGet, Then::kClose, {}, 2},
      {http::Method::kGet, Then::kReset, {}, 2},
      {http::Method::kPut, Then::kClose, {}, 2},
      {http::Method::kPost, Then::kClose, Errc::kOriginClosed, 1},
      {http::Method::kPatch, Then::kReset, Errc::kOriginReset, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(http::method_name(row.method));
    Rig rig({{kWhole}, {"", row.dies}, {kWhole}});
    Caller first, second;
    first.start(rig.pool);
    REQUIRE(rig.run(first));
    second.start(rig.pool, row.method);
    CHECK(second.call->reused());
    REQUIRE(rig.run(second));
    CHECK(second.result->has_value() == !row.error.has_value());
    if (row.error) CHECK(second.result->error().code == *row.error);
    CHECK(rig.far.accepted == row.accepted);
    CHECK(rig.servers.balancer.view(0).failures == 0);  // a stale connection proves nothing
  }

  SUBCASE("and not twice") {
    Rig rig({{kWhole}, {"", Then::kClose}});
    Caller first, second;
    first.start(rig.pool);
    REQUIRE(rig.run(first));
    second.start(rig.pool);
    REQUIRE(rig.run(second));
    CHECK(second.result->error().code == Errc::kOriginClosed);
    CHECK(rig.far.requests == 3);
    CHECK(rig.servers.balancer.view(0).failures == 1);
  }
}

TEST_CASE("1xx on the way are passed on, each") {
  Rig rig(
      {{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
        kWhole}});
  Caller caller;
  caller.start(rig.pool);
  REQUIRE(rig.run(caller));
  CHECK(caller.informed == std::vector<int>{100, 102, 103});
  CHECK(caller.status == 200);
  CHECK(caller.result->has_value());
}

TEST_CASE("1xx without end are not, whether many or large") {
  const auto interim = [](int n, std::size_t size) {
    std::string out;
    for (int i = 0; i < n; ++i)
      out += "HTTP/1.1 103 Early Hints\r\nA: " + std::string(size, 'a') + "\r\n\r\n";
    return out + kWhole;
  };
  struct Row {
    int n;
    std::size_t size;
    bool good;
  };
  for (const Row& row : {Row{100, 0, true}, Row{101, 0, false}, Row{1, 60'000, true},
                         Row{2, 30'000, true}, Row{2, 40'000, false}}) {
    CAPTURE(row.n);
    CAPTURE(row.size);
    Rig rig({{interim(row.n, row.size)}});
    Caller caller;
    caller.start(rig.pool);
    REQUIRE(rig.run(caller));
    CHECK(caller.result->has_value() == row.good);
    if (row.good) continue;
    CHECK(caller.result->error().code == Errc::kOriginEndlessInterim);
    CHECK(caller.informed.size() < static_cast<std::size_t>(row.n));
    CHECK(rig.run([&] { return rig.servers.limit.open() == 0; }));
  }
}

TEST_CASE("no clock of the origin's runs while the client owes bytes of its request") {
  for (const bool comes : {true, false}) {
    CAPTURE(comes);
    Rig rig({{""}});  // it never answers
    Caller caller;
    body::BodyOptions options;
    options.total = 3;
    const auto body = make_ref<body::Body>(caller.source, options);
    std::optional<body::BodyWriter> writer(std::in_place, body, 0, body::kUnlimited, caller);
    caller.start(rig.pool, http::Method::kPost, body);
    REQUIRE(rig.run([&] { return rig.far.requests == 1; }));
    const TimePoint until = rig.loop.now() + 150ms;  // the origin would have 50 ms
    REQUIRE(rig.run([&] { return rig.loop.now() >= until; }));
    CHECK(!caller.result);
    if (comes) {
      writer->space(3, {});
      writer->commit(3);
      std::move(*writer).finish();
    } else {
      std::move(*writer).fail(Error{Errc::kRequestTimeout});
    }
    REQUIRE(rig.run(caller));
    CHECK(caller.result->error().code == (comes ? Errc::kFirstByteTimeout : Errc::kRequestTimeout));
    CHECK(caller.tried.size() == (comes ? 1 : 0));
    CHECK(rig.servers.balancer.view(0).failures == (comes ? 1 : 0));
  }
}

TEST_CASE("without a usable server a Call ends at once and says why") {
  Rig rig({{kWhole}});
  rig.servers.balancer.set_healthy(0, false);
  Caller caller;
  caller.start(rig.pool);
  CHECK(!caller.result);  // not within the constructor
  REQUIRE(rig.run(caller));
  CHECK(caller.result->error().code == Errc::kServersUnhealthy);
  CHECK(rig.far.accepted == 0);
}

}  // namespace weir::origin
