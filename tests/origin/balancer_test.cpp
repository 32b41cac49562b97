#include "origin/balancer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/hash.h"

namespace weir::origin {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};
constexpr std::uint32_t kNoJitter = 0;

// One server for each weight.
Settings settings(Balance balance, const std::vector<std::uint32_t>& weights) {
  Settings s;
  s.balance = balance;
  s.eject = {.failures = 3, .backoff_min = 1s, .backoff_max = 4s};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string name = "10.0.0." + std::to_string(i + 1) + ":9000";
    s.servers.push_back({*net::split_host_port(name), name, weights[i], false});
  }
  return s;
}

std::size_t picked(Balancer& b, std::uint64_t hash = 0, TimePoint now = kStart) {
  const auto pick = b.pick(now, hash, {});
  REQUIRE(pick.has_value());
  return pick->server;
}

// A request that is over before the next begins.
std::size_t served(Balancer& b, std::uint64_t hash = 0, Verdict verdict = Verdict::kOk,
                   TimePoint now = kStart) {
  const auto pick = b.pick(now, hash, {});
  REQUIRE(pick.has_value());
  b.done(*pick, verdict, now, kNoJitter);
  return pick->server;
}

std::uint64_t key(int i) { return hash64("http://example.org/" + std::to_string(i)); }

// Fails requests until that server is ejected.
void eject(Balancer& b, std::size_t server, TimePoint now = kStart) {
  for (int i = 0; b.view(server).state == sched::Breaker::State::kClosed; ++i) {
    REQUIRE(i < 1000);
    const auto pick = b.pick(now, key(i), {});
    REQUIRE(pick.has_value());
    b.done(*pick, pick->server == server ? Verdict::kFailed : Verdict::kOk, now, kNoJitter);
  }
}

struct Bell final : body::Waiter {
  void wake() noexcept override { ++rung; }
  int rung = 0;
};

}  // namespace

TEST_CASE("round-robin gives each its weight, and spreads the heavy one's turns") {
  struct Row {
    std::vector<std::uint32_t> weights;
    std::string turns;
  };
  const Row rows[] = {
      {{1}, "aaaa"},
      {{1, 1, 1}, "abcabcabc"},
      {{3, 1}, "aabaaaba"},
      {{5, 1, 1}, "aabacaaaabacaa"},
  };
  for (const Row& row : rows) {
    const Settings s = settings(Balance::kRoundRobin, row.weights);
    Balancer b(s);
    std::string turns;
    for (std::size_t i = 0; i < row.turns.size(); ++i) turns += static_cast<char>('a' + served(b));
    CHECK(turns == row.turns);
  }
}

TEST_CASE("least-outstanding evens out what is under way, by weight") {
  struct Row {
    std::vector<std::uint32_t> weights;
    int requests;
    std::vector<std::uint32_t> outstanding;
  };
  const Row rows[] = {
      {{1, 1}, 10, {5, 5}},
      {{3, 1}, 8, {6, 2}},
      {{1, 2, 5}, 16, {2, 4, 10}},
  };
  for (const Row& row : rows) {
    const Settings s = settings(Balance::kLeastOutstanding, row.weights);
    Balancer b(s);
    for (int i = 0; i < row.requests; ++i) picked(b);
    for (std::size_t i = 0; i < row.weights.size(); ++i)
      CHECK(b.view(i).outstanding == row.outstanding[i]);
  }
}

TEST_CASE("least-outstanding avoids the slow server, and takes turns among idle ones") {
  const Settings s = settings(Balance::kLeastOutstanding, {1, 1, 1});
  Balancer b(s);
  const std::size_t slow = picked(b);  // never done
  std::map<std::size_t, int> count;
  for (int i = 0; i < 100; ++i) ++count[served(b)];
  CHECK(count[slow] == 0);
  CHECK(count[(slow + 1) % 3] == 50);
  CHECK(count[(slow + 2) % 3] == 50);
}

TEST_CASE("a hash picks the same server for the same key, and keys by weight") {
  const std::vector<std::uint32_t> weights = {1, 2, 5};
  const Settings s = settings(Balance::kHash, weights);
  Balancer b(s);
  std::map<std::size_t, double> count;
  constexpr int kKeys = 20000;
  for (int i = 0; i < kKeys; ++i) {
    const std::size_t server = served(b, key(i));
    CHECK(served(b, key(i)) == server);
    ++count[server];
  }
  for (std::size_t i = 0; i < weights.size(); ++i)
    CHECK(std::abs(count[i] / kKeys - weights[i] / 8.0) < 0.015);
}

TEST_CASE("a server that leaves or comes moves its own keys and no others") {
  constexpr int kKeys = 5000;
  Settings ten = settings(Balance::kHash, std::vector<std::uint32_t>(10, 1));
  Settings nine = ten;
  nine.servers.erase(nine.servers.begin() + 4);
  Balancer all(ten), without(nine);
  const auto name = [](const Settings& s, std::size_t i) { return s.servers[i].name; };
  int moved = 0;
  for (int i = 0; i < kKeys; ++i) {
    const std::size_t before = served(all, key(i));
    const std::string after = name(nine, served(without, key(i)));
    if (before == 4) {
      ++moved;
    } else {
      CHECK(name(ten, before) == after);
    }
  }
  CHECK(std::abs(moved - kKeys / 10) < kKeys / 50);

  SUBCASE("ejected is as good as gone") {
    eject(all, 4);
    for (int i = 0; i < kKeys; ++i)
      CHECK(name(ten, served(all, key(i))) == name(nine, served(without, key(i))));
  }
}

TEST_CASE("one hot key loads its server a quarter above its share, no more") {
  const std::vector<std::uint32_t> weights = {1, 1, 2};
  const Settings s = settings(Balance::kHash, weights);
  Balancer b(s);
  for (int all = 1; all <= 400; ++all) {
    picked(b, key(1));
    for (std::size_t i = 0; i < weights.size(); ++i)
      CHECK(b.view(i).outstanding <= std::ceil(1.25 * all * weights[i] / 4));
  }
  // Those that overflow have an order of their own: the first two are at the bound.
  CHECK(std::max({b.view(0).outstanding * 2, b.view(1).outstanding * 2, b.view(2).outstanding}) ==
        250);
}

TEST_CASE("a server that failed in a row is left alone, then one request tries it") {
  const Settings s = settings(Balance::kRoundRobin, {1, 1});
  Balancer b(s);
  Bell bell;
  b.watch(&bell);
  eject(b, 0);
  CHECK(bell.rung == 1);
  for (int i = 0; i < 10; ++i) CHECK(served(b, 0, Verdict::kOk, kStart + 999ms) == 1);

  const TimePoint due = kStart + 1s;
  std::vector<Pick> picks;
  for (int i = 0; i < 10; ++i) picks.push_back(*b.pick(due, 0, {}));
  const auto is_trial = [](const Pick& p) { return p.trial != 0; };
  REQUIRE(std::ranges::count_if(picks, is_trial) == 1);
  const Pick trial = *std::ranges::find_if(picks, is_trial);
  CHECK(trial.server == 0);
  CHECK(std::ranges::count(picks, 0u, &Pick::server) == 1);

  SUBCASE("a head in answer brings it back, before its body has ended") {
    CHECK(b.answered(trial) == Change::kReturned);
    CHECK(b.view(0).state == sched::Breaker::State::kClosed);
    CHECK(bell.rung == 2);
    CHECK(b.done(trial, Verdict::kOk, due, kNoJitter) == Change::kNone);
  }
  SUBCASE("its failure doubles the wait") {
    CHECK(b.done(trial, Verdict::kFailed, due, kNoJitter) == Change::kNone);
    CHECK(b.view(0).next_try == due + 2s);
  }
  SUBCASE("without a verdict the next one tries") {
    b.done(trial, Verdict::kNone, due, kNoJitter);
    const auto is_next = [&](int) { return b.pick(due, 0, {})->trial != 0; };
    int tries = 0;
    for (int i = 0; i < 10; ++i) tries += is_next(i);
    CHECK(tries == 1);
  }
}

TEST_CASE("only the trial speaks for a server that is not in use") {
  const Settings s = settings(Balance::kRoundRobin, {1, 1});
  Balancer b(s);
  std::vector<Pick> early;  // began while all was well
  for (int i = 0; i < 8; ++i) early.push_back(*b.pick(kStart, 0, {}));
  std::erase_if(early, [](const Pick& p) { return p.server != 0; });
  REQUIRE(early.size() == 4);
  eject(b, 0);
  CHECK(b.done(early[0], Verdict::kOk, kStart, kNoJitter) == Change::kNone);
  CHECK(b.view(0).state == sched::Breaker::State::kOpen);
  Pick trial;
  while (trial.trial == 0) trial = *b.pick(kStart + 1s, 0, {});
  b.done(early[1], Verdict::kFailed, kStart + 1s, kNoJitter);
  b.done(early[2], Verdict::kNone, kStart + 1s, kNoJitter);
  CHECK(b.view(0).state == sched::Breaker::State::kHalfOpen);
  CHECK(b.done(trial, Verdict::kOk, kStart + 1s, kNoJitter) == Change::kReturned);
  // It was settled: what this trial says later counts as any other verdict, once.
  CHECK(b.done(early[3], Verdict::kFailed, kStart + 1s, kNoJitter) == Change::kNone);
  CHECK(b.view(0).state == sched::Breaker::State::kClosed);
  CHECK(b.view(0).failures == 3 + 2);
}

TEST_CASE("when all are ejected it says so, and when the next trial is due") {
  const Settings s = settings(Balance::kRoundRobin, {1, 1});
  Balancer b(s);
  eject(b, 1, kStart + 500ms);
  eject(b, 0, kStart + 700ms);
  const auto none = b.pick(kStart + 1s, 0, {});
  REQUIRE(!none);
  CHECK(none.error().why == NoServer::Why::kEjected);
  CHECK(none.error().retry_at == kStart + 1500ms);
  CHECK(b.capacity(kStart + 1s).connections == 0);
  CHECK(b.capacity(kStart + 1s).changes_at == kStart + 1500ms);

  CHECK(picked(b, 0, kStart + 1500ms) == 1);  // the trial
  const auto waiting = b.pick(kStart + 1500ms, 0, {});
  REQUIRE(!waiting);
  CHECK(waiting.error().retry_at == kStart + 1700ms);
  CHECK(picked(b, 0, kStart + 1700ms) == 0);
  CHECK(b.pick(kStart + 1700ms, 0, {}).error().retry_at == TimePoint::max());
}

TEST_CASE("unhealthy servers are not used; when all are, that is the reason") {
  const Settings s = settings(Balance::kRoundRobin, {1, 1});
  Balancer b(s);
  Bell bell;
  b.watch(&bell);
  b.set_healthy(0, false);
  b.set_healthy(0, false);
  CHECK(bell.rung == 1);
  for (int i = 0; i < 4; ++i) CHECK(served(b) == 1);
  b.set_healthy(1, false);
  CHECK(b.pick(kStart, 0, {}).error().why == NoServer::Why::kUnhealthy);
  CHECK(b.capacity(kStart).connections == 0);
  b.set_healthy(0, true);
  CHECK(served(b) == 0);

  SUBCASE("one unhealthy and one ejected: a trial will come") {
    eject(b, 0);
    const NoServer none = b.pick(kStart, 0, {}).error();
    CHECK(none.why == NoServer::Why::kEjected);
    CHECK(none.retry_at == kStart + 1s);
  }
}

TEST_CASE("a fetch does not go where it failed while another is usable") {
  for (const Balance balance : {Balance::kRoundRobin, Balance::kLeastOutstanding, Balance::kHash}) {
    Settings s = settings(balance, {1, 5, 1});
    s.servers[2].backup = true;
    Balancer b(s);
    for (int i = 0; i < 50; ++i) {
      Tried tried;
      std::vector<std::size_t> order;
      for (int attempt = 0; attempt < 3; ++attempt) {
        const auto pick = b.pick(kStart, key(i), tried);
        REQUIRE(pick.has_value());
        b.done(*pick, Verdict::kNone, kStart, kNoJitter);
        order.push_back(pick->server);
        tried.add(pick->server);
      }
      CHECK(order[0] + order[1] == 1);  // both, then the backup
      CHECK(order[2] == 2);
      tried.add(0);
      tried.add(2);
      tried.add(1);
      CHECK(b.pick(kStart, key(i), tried)->server == 0);
      tried.add(0);
      CHECK(b.pick(kStart, key(i), tried)->server == 1);
    }
  }
}

TEST_CASE("a backup is used when no other is usable, and not because others are full") {
  Settings s = settings(Balance::kRoundRobin, {1, 1, 1});
  s.server_max_connections = 2;
  s.servers[0].backup = true;
  Balancer b(s);
  for (int i = 0; i < 6; ++i) CHECK(picked(b) != 0);
  b.set_healthy(1, false);
  b.set_healthy(2, false);
  CHECK(picked(b) == 0);
  CHECK(b.capacity(kStart).connections == 2);
  b.set_healthy(1, true);
  CHECK(picked(b) == 1);
  CHECK(b.capacity(kStart).connections == 2);
}

TEST_CASE("a server at its limit is passed over while another has room") {
  for (const Balance balance : {Balance::kRoundRobin, Balance::kLeastOutstanding, Balance::kHash}) {
    Settings s = settings(balance, {10, 1, 1});
    s.server_max_connections = 4;
    Balancer b(s);
    CHECK(b.capacity(kStart).connections == 12);
    for (int i = 0; i < 12; ++i) {
      picked(b, key(1));
      for (std::size_t k = 0; k < 3; ++k) CHECK(b.view(k).outstanding <= 4);
    }
    picked(b, key(1));  // none has: it stands in line at one of them
    CHECK(b.view(0).outstanding + b.view(1).outstanding + b.view(2).outstanding == 13);
  }
}

TEST_CASE("capacity is what usable servers may take") {
  Settings s = settings(Balance::kRoundRobin, {1, 1});
  Balancer unlimited(s);
  CHECK(unlimited.capacity(kStart).connections == Capacity::kUnlimited);
  s.server_max_connections = 8;
  Balancer b(s);
  CHECK(b.capacity(kStart).connections == 16);
  eject(b, 0);
  CHECK(b.capacity(kStart).connections == 8);
  CHECK(b.capacity(kStart).changes_at == kStart + 1s);
  CHECK(b.capacity(kStart + 1s).connections == 9);  // and one trial
  CHECK(b.capacity(kStart + 1s).changes_at == TimePoint::max());
}

}  // namespace weir::origin
