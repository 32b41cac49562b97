#include "net/resolver.h"

#include <memory>
#include <optional>

#include "fake_dns.h"
#include "loopback.h"

using namespace weir;
using namespace weir::net;
using test::FakeDns;
using test::run_rounds;
using test::run_until;

namespace {

struct Asker final : Resolver::Owner {
  void ask(Resolver& resolver, const std::string& host, std::uint16_t port = 80) {
    answer.reset();
    query = resolver.resolve({host, port}, *this);
    CHECK(!answer);  // never inside resolve()
  }
  void on_resolved(Result<std::vector<Address>> addresses) override {
    answer = std::move(addresses);
    query.reset();
  }
  std::string text() const {
    if (!answer) return "nothing";
    if (!*answer) return describe(answer->error()).substr(0, 14);
    std::string s;
    for (const Address& a : **answer) s += a.text() + " ";
    return s;
  }
  std::unique_ptr<Resolver::Query> query;
  std::optional<Result<std::vector<Address>>> answer;
};

bool settled(Loop& loop, FakeDns& dns, const Asker& asker) {
  return run_until(loop, [&] {
    dns.serve();
    return asker.answer.has_value();
  });
}

}  // namespace

TEST_CASE("literals are answered without asking anybody") {
  Loop loop;
  FakeDns dns;
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  Asker four, six;
  four.ask(resolver, "192.0.2.1", 8080);
  six.ask(resolver, "2001:db8::1");
  REQUIRE(settled(loop, dns, six));
  CHECK(four.text() == "192.0.2.1:8080 ");
  CHECK(six.text() == "[2001:db8::1]:80 ");
  CHECK(dns.asked.empty());
}

TEST_CASE("localhost comes from /etc/hosts") {
  Loop loop;
  FakeDns dns;
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  Asker asker;
  asker.ask(resolver, "localhost");
  REQUIRE(settled(loop, dns, asker));
  CHECK(asker.text().find("127.0.0.1:80") != std::string::npos);
  CHECK(dns.asked.empty());
}

TEST_CASE("a name's addresses come in turn, IPv6 first") {  // RFC 8305 §4
  Loop loop;
  FakeDns dns;
  dns.addresses["origin.test"] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"};
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  Asker asker;
  asker.ask(resolver, "origin.test", 81);
  REQUIRE(settled(loop, dns, asker));
  CHECK(asker.text() == "[2001:db8::1]:81 192.0.2.1:81 192.0.2.2:81 192.0.2.3:81 ");
}

TEST_CASE("queries at the same time share one look-up, and later ones its answer") {
  Loop loop;
  FakeDns dns;
  dns.addresses["origin.test"] = {"192.0.2.1"};
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  Asker a, b, c;
  a.ask(resolver, "origin.test", 1);
  b.ask(resolver, "origin.test", 2);
  REQUIRE(settled(loop, dns, a));
  REQUIRE(settled(loop, dns, b));
  c.ask(resolver, "origin.test", 3);
  REQUIRE(settled(loop, dns, c));
  CHECK(a.text() + b.text() + c.text() == "192.0.2.1:1 192.0.2.1:2 192.0.2.1:3 ");
  CHECK(dns.asked["origin.test"] == 2);  // A and AAAA
}

TEST_CASE("after its time an answer is looked up again") {
  Loop loop;
  FakeDns dns;
  dns.addresses["origin.test"] = {"192.0.2.1"};
  Resolver resolver(loop, Duration(0), dns.conf());
  Asker asker;
  asker.ask(resolver, "origin.test");
  REQUIRE(settled(loop, dns, asker));
  dns.addresses["origin.test"] = {"192.0.2.2"};
  asker.ask(resolver, "origin.test");
  REQUIRE(settled(loop, dns, asker));
  CHECK(asker.text() == "192.0.2.2:80 ");
}

TEST_CASE("a name that does not exist fails, and is not asked for again at once") {
  Loop loop;
  FakeDns dns;
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  Asker asker;
  asker.ask(resolver, "nowhere.test");
  REQUIRE(settled(loop, dns, asker));
  CHECK(asker.text() == "resolve_failed");
  const int asked = dns.asked["nowhere.test"];
  asker.ask(resolver, "nowhere.test");
  REQUIRE(settled(loop, dns, asker));
  CHECK(asker.text() == "resolve_failed");
  CHECK(dns.asked["nowhere.test"] == asked);
}

TEST_CASE("a look-up that fails is answered from the last good answer") {
  Loop loop;
  FakeDns dns;
  dns.addresses["origin.test"] = {"192.0.2.1"};
  Resolver resolver(loop, Duration(0), dns.conf());
  Asker asker;
  asker.ask(resolver, "origin.test");
  REQUIRE(settled(loop, dns, asker));
  dns.addresses.clear();
  const int asked = dns.asked["origin.test"];
  asker.ask(resolver, "origin.test");
  REQUIRE(settled(loop, dns, asker));
  CHECK(asker.text() == "192.0.2.1:80 ");
  CHECK(dns.asked["origin.test"] > asked);
}

TEST_CASE("what is no name fails") {
  Loop loop;
  FakeDns dns;
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  for (const std::string& name : {std::string(), std::string(300, 'x')}) {
    CAPTURE(name);
    Asker asker;
    asker.ask(resolver, name);
    REQUIRE(settled(loop, dns, asker));
    CHECK(asker.text() == "resolve_failed");
  }
}

TEST_CASE("a destroyed query is never answered, the one beside it is") {
  Loop loop;
  FakeDns dns;
  dns.addresses["origin.test"] = {"192.0.2.1"};
  Resolver resolver(loop, std::chrono::seconds(30), dns.conf());
  Asker gone, gone_literal, stays;
  gone.ask(resolver, "origin.test");
  gone_literal.ask(resolver, "192.0.2.1");
  stays.ask(resolver, "origin.test");
  gone.query.reset();
  gone_literal.query.reset();
  REQUIRE(settled(loop, dns, stays));
  run_rounds(loop, 3);
  CHECK(!gone.answer);
  CHECK(!gone_literal.answer);
}

TEST_CASE("a Resolver may die with look-ups under way, and the Loop go on") {
  Loop loop;
  FakeDns dns;
  auto resolver = std::make_unique<Resolver>(loop, std::chrono::seconds(30), dns.conf());
  Asker a, b;
  a.ask(*resolver, "origin.test");
  b.ask(*resolver, "other.test");
  SUBCASE("before its questions left") {}
  SUBCASE("with an answer due") {
    run_rounds(loop, 3);
    dns.serve();
  }
  resolver.reset();
  SUBCASE("rounds follow") { run_rounds(loop, 10); }
  SUBCASE("no round follows") {}
  CHECK(!a.answer);
  CHECK(!b.answer);
}

TEST_CASE("a missing resolv.conf leaves literals and /etc/hosts") {
  Loop loop;
  FakeDns unused;
  Resolver resolver(loop, std::chrono::seconds(30), "/nonexistent/resolv.conf");
  Asker asker;
  asker.ask(resolver, "localhost");
  REQUIRE(settled(loop, unused, asker));
  CHECK(asker.answer->has_value());
}
