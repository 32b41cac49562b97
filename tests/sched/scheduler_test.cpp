#include "sched/scheduler.h"

#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <vector>

namespace weir::sched {
namespace {

using namespace std::chrono_literals;
using State = Ticket::State;

constexpr TimePoint kNow{1h};

// A scheduler and the tickets of a test; times stand still unless a test moves them.
struct Bench {
  explicit Bench(const Limits& limits) : s(limits) {}

  Ticket& submit(Lane lane = Lane::kClientWaits, std::uint64_t client = 0) {
    Ticket& ticket = tickets.emplace_back();
    ticket.lane = lane;
    ticket.client = client;
    s.submit(ticket, now);
    return ticket;
  }
  void submit_many(int n, Lane lane, std::uint64_t client = 0) {
    for (int i = 0; i < n; ++i) submit(lane, client);
  }
  // All that may start now.
  std::vector<Ticket*> start() {
    std::vector<Ticket*> started;
    while (Ticket* ticket = s.next(now)) started.push_back(ticket);
    return started;
  }
  int start_count() { return static_cast<int>(start().size()); }

  Scheduler s;
  TimePoint now = kNow;
  std::deque<Ticket> tickets;
};

TEST_CASE("fetches start at once while there are places, then wait in order") {
  Bench b({.running = 2});
  Ticket& t0 = b.submit();
  Ticket& t1 = b.submit();
  Ticket& t2 = b.submit();
  Ticket& t3 = b.submit();
  CHECK(t0.state == State::kRunning);
  CHECK(t1.state == State::kRunning);
  CHECK(t2.state == State::kWaiting);
  CHECK(t3.state == State::kWaiting);
  CHECK(b.s.next(kNow) == nullptr);
  b.s.withdraw(t0, kNow);
  CHECK(b.s.next(kNow) == &t2);
  CHECK(b.s.next(kNow) == nullptr);
  b.s.withdraw(t1, kNow);
  CHECK(b.s.next(kNow) == &t3);
  CHECK(b.s.running() == 2);
  CHECK(b.s.waiting() == 0);
}

TEST_CASE("no limit means that nothing waits") {
  Bench b({.running = 0, .waiting = 0});
  for (const Lane lane : {Lane::kClientWaits, Lane::kRevalidation, Lane::kPrefetch}) {
    for (int i = 0; i < 100; ++i) CHECK(b.submit(lane).state == State::kRunning);
  }
}

TEST_CASE("a ticket may be withdrawn in any state, again, and be used again") {
  Bench b({.running = 1, .waiting = 2, .patience = 30s});
  Ticket& running = b.submit();
  Ticket& first = b.submit();
  Ticket& second = b.submit();
  Ticket& refused = b.submit();
  Ticket fresh;
  REQUIRE(refused.state == State::kRefused);
  b.s.withdraw(fresh, kNow);
  b.s.withdraw(refused, kNow);
  b.s.withdraw(first, kNow);
  b.s.withdraw(first, kNow);
  CHECK(b.s.running() == 1);
  CHECK(b.s.waiting() == 1);
  CHECK(b.s.next(kNow) == nullptr);
  b.s.withdraw(running, kNow);
  CHECK(b.s.next(kNow) == &second);
  CHECK(b.s.submit(first, kNow).state == State::kWaiting);
  b.s.withdraw(second, kNow);
  CHECK(b.s.next(kNow) == &first);
  b.s.withdraw(first, kNow);
  CHECK(b.s.running() == 0);
  CHECK(b.s.next_deadline() == TimePoint::max());
}

// ---- Deadlines

TEST_CASE("a ticket is refused at its deadline and not a nanosecond before") {
  Bench b({.running = 1, .patience = 30s});
  b.submit();
  Ticket& first = b.submit(Lane::kPrefetch);
  b.now = kNow + 5s;
  Ticket& second = b.submit(Lane::kClientWaits);
  CHECK(b.s.next_deadline() == kNow + 30s);
  CHECK(b.s.expired(kNow + 30s - 1ns) == nullptr);
  CHECK(b.s.expired(kNow + 30s) == &first);
  CHECK(first.state == State::kRefused);
  CHECK(first.refusal == Errc::kQueueTimeout);
  CHECK(b.s.expired(kNow + 35s - 1ns) == nullptr);
  CHECK(b.s.next_deadline() == kNow + 35s);
  CHECK(b.s.expired(kNow + 1h) == &second);
  CHECK(b.s.expired(kNow + 1h) == nullptr);
  CHECK(b.s.next_deadline() == TimePoint::max());
}

TEST_CASE("threads whose clocks differ a little do not disorder the deadlines") {
  Bench b({.running = 1, .patience = 30s});
  b.submit();
  b.now = kNow + 2ms;
  Ticket& first = b.submit();
  b.now = kNow;
  Ticket& second = b.submit();
  CHECK(second.deadline == first.deadline);
  CHECK(b.s.expired(second.deadline) == &first);
  CHECK(b.s.expired(second.deadline) == &second);
}

TEST_CASE("patience without end has no deadline") {
  Bench b({.running = 1, .patience = kForever});
  b.submit();
  b.submit();
  CHECK(b.s.next_deadline() == TimePoint::max());
  CHECK(b.s.expired(TimePoint::max() - 1ns) == nullptr);
}

// ---- Lanes

TEST_CASE("a client that waits goes before revalidation, and that before prefetch") {
  Bench b({.running = 1});
  Ticket* running = &b.submit();
  Ticket& prefetch = b.submit(Lane::kPrefetch);
  Ticket& revalidation = b.submit(Lane::kRevalidation);
  Ticket& client = b.submit(Lane::kClientWaits);
  for (Ticket* expected : {&client, &revalidation, &prefetch}) {
    b.s.withdraw(*running, kNow);
    running = b.s.next(kNow);
    CHECK(running == expected);
  }
}

TEST_CASE("a lower lane that waits gets every eighth start, both together two of nine") {
  struct Row {
    std::vector<Lane> waiting;
    std::string_view starts;
  };
  const Row rows[] = {
      {{Lane::kClientWaits}, "cccccccccccccccccccc"},
      {{Lane::kClientWaits, Lane::kRevalidation}, "cccccccrcccccccrcccc"},
      {{Lane::kClientWaits, Lane::kPrefetch}, "cccccccpcccccccpcccc"},
      {{Lane::kRevalidation, Lane::kPrefetch}, "rrrrrrrprrrrrrrprrrr"},
      {{Lane::kClientWaits, Lane::kRevalidation, Lane::kPrefetch}, "cccccccrpcccccccrpcc"},
  };
  for (const Row& row : rows) {
    Bench b({.running = 1});
    Ticket* running = &b.submit();
    for (const Lane lane : row.waiting) b.submit_many(30, lane);
    std::string starts;
    while (starts.size() < row.starts.size()) {
      b.s.withdraw(*running, kNow);
      running = b.s.next(kNow);
      REQUIRE(running);
      starts += "crp"[static_cast<std::size_t>(running->lane)];
    }
    CHECK(starts == row.starts);
  }
}

TEST_CASE("a lower lane that was empty in between has no claims of old") {
  Bench b({.running = 1});
  Ticket* running = &b.submit();
  Ticket& gone = b.submit(Lane::kPrefetch);
  b.submit_many(20, Lane::kClientWaits);
  for (int i = 0; i < 12; ++i) {
    if (i == 5) {
      b.s.withdraw(gone, kNow);
      b.submit(Lane::kPrefetch);
    }
    b.s.withdraw(*running, kNow);
    running = b.s.next(kNow);
    CHECK(running->lane == Lane::kClientWaits);
  }
}

TEST_CASE("lower lanes hold a part of the places only, at least one") {
  struct Row {
    std::uint32_t limit;
    int revalidations;  // alone
    int prefetches;     // alone
    int both;           // when prefetch came first
  };
  const Row rows[] = {
      {1, 1, 1, 1}, {2, 1, 1, 1}, {3, 1, 1, 1},     {4, 2, 1, 2},
      {8, 4, 2, 4}, {9, 4, 2, 4}, {64, 32, 16, 32},
  };
  for (const Row& row : rows) {
    CAPTURE(row.limit);
    Bench alone({.running = row.limit});
    alone.submit_many(100, Lane::kRevalidation);
    alone.submit_many(100, Lane::kPrefetch);  // shares them
    CHECK(alone.s.running() == static_cast<std::uint32_t>(row.revalidations));
    // Clients find the other places free, however many of a lower lane wait.
    for (std::uint32_t i = alone.s.running(); i < row.limit; ++i) {
      CHECK(alone.submit().state == State::kRunning);
    }
    CHECK(alone.submit().state == State::kWaiting);

    Bench prefetch({.running = row.limit});
    prefetch.submit_many(100, Lane::kPrefetch);
    CHECK(prefetch.s.running() == static_cast<std::uint32_t>(row.prefetches));
    prefetch.submit_many(100, Lane::kRevalidation);
    CHECK(prefetch.s.running() == static_cast<std::uint32_t>(row.both));
  }
}

TEST_CASE("each lane has a queue of its own, the lower ones an eighth") {
  Bench b({.running = 1, .waiting = 80});
  b.submit();
  b.submit_many(200, Lane::kPrefetch);
  b.submit_many(200, Lane::kRevalidation);
  b.submit_many(200, Lane::kClientWaits);
  CHECK(b.s.stats(Lane::kPrefetch).waiting == 10);
  CHECK(b.s.stats(Lane::kRevalidation).waiting == 10);
  CHECK(b.s.stats(Lane::kClientWaits).waiting == 80);
}

// ---- Clients

TEST_CASE("a client with ten thousand waiting delays another's single one by one turn") {
  Bench b({.running = 1, .waiting = 20'000});
  Ticket& running = b.submit();
  b.submit_many(10'000, Lane::kClientWaits, 1);
  const Ticket& single = b.submit(Lane::kClientWaits, 2);
  b.s.withdraw(running, kNow);
  Ticket* first = b.s.next(kNow);
  b.s.withdraw(*first, kNow);
  CHECK(b.s.next(kNow) == &single);
}

TEST_CASE("a full queue refuses whoever has most in it") {
  struct Row {
    std::vector<std::uint64_t> waiting;  // fills the queue
    std::uint64_t comes;
    int displaced;  // index in waiting; -1: who comes is refused
  };
  const Row rows[] = {
      {{1, 1, 1, 1}, 1, -1},  // nobody but itself
      {{1, 1, 1, 1}, 2, 3},   // the newest of the greedy one
      {{1, 2, 1, 1}, 2, 3},   // three against one: two each is fairer
      {{1, 1, 1, 2}, 2, 2},  {{1, 2, 1, 2}, 3, 2},  {{1, 2, 1, 2}, 1, -1},  // it has its share
      {{1, 1, 1, 2}, 1, -1}, {{1, 2, 3, 4}, 5, -1},  // nobody has more than one
      {{1, 1, 2, 3}, 2, -1},                         // it would be as greedy as the greediest
      {{0, 0, 0, 0}, 0, -1},
  };
  for (const Row& row : rows) {
    Bench b({.running = 1, .waiting = 4});
    b.submit();
    for (const std::uint64_t client : row.waiting) b.submit(Lane::kClientWaits, client);
    Ticket ticket;
    ticket.client = row.comes;
    const Scheduler::Admission admission = b.s.submit(ticket, kNow);
    CHECK(b.s.waiting() == 4);
    Ticket& refused =
        row.displaced < 0 ? ticket : b.tickets[static_cast<std::size_t>(row.displaced) + 1];
    CHECK(refused.state == State::kRefused);
    CHECK(refused.refusal == Errc::kQueueFull);
    CHECK(admission.displaced == (row.displaced < 0 ? nullptr : &refused));
    CHECK(admission.state == (row.displaced < 0 ? State::kRefused : State::kWaiting));
    b.s.withdraw(ticket, kNow);
  }
}

// ---- Capacity, and places given back

TEST_CASE("the lower of limit and capacity holds, and what runs above it runs on") {
  Bench b({.running = 8});
  b.submit_many(20, Lane::kClientWaits);
  CHECK(b.s.running() == 8);
  b.s.set_capacity(3);
  for (std::size_t i = 0; i < 5; ++i) {
    b.s.withdraw(b.tickets[i], kNow);
    CHECK(b.start_count() == 0);
  }
  b.s.withdraw(b.tickets[5], kNow);
  CHECK(b.start_count() == 1);
  b.s.set_capacity(5);
  CHECK(b.start_count() == 2);
  b.s.set_capacity(100);
  CHECK(b.start_count() == 3);
  b.s.set_capacity(0);
  b.s.withdraw(b.tickets[6], kNow);
  CHECK(b.start_count() == 0);
  CHECK(b.submit(Lane::kPrefetch).state == State::kWaiting);
  b.s.set_capacity(Scheduler::kNoLimit);
  CHECK(b.start_count() == 1);
  CHECK(b.s.running() == 8);
}

TEST_CASE("capacity alone limits an origin without a limit of its own") {
  Bench b({.running = 0});
  b.s.set_capacity(2);
  b.submit_many(5, Lane::kClientWaits);
  CHECK(b.s.running() == 2);
}

TEST_CASE(
    "who gave its place back for a while is next of its client, and no full queue refuses it") {
  Bench b({.running = 1, .waiting = 3});
  Ticket& first = b.submit(Lane::kClientWaits, 1);
  Ticket& other = b.submit(Lane::kClientWaits, 2);
  Ticket& second = b.submit(Lane::kClientWaits, 1);
  b.submit(Lane::kClientWaits, 2);
  b.s.withdraw(first, kNow);
  first.again = true;
  REQUIRE(b.start() == std::vector<Ticket*>{&other});
  Ticket& third = b.submit(Lane::kClientWaits, 1);
  CHECK(b.s.waiting() == 3);
  CHECK(b.s.submit(first, kNow).displaced == nullptr);
  CHECK(first.state == State::kWaiting);
  CHECK(b.s.waiting() == 4);
  std::vector<Ticket*> order;
  for (Ticket* running = &other; running; running = b.s.next(kNow)) {
    order.push_back(running);
    b.s.withdraw(*running, kNow);
  }
  CHECK(order == std::vector<Ticket*>{&other, &first, &b.tickets[3], &second, &third});
}

TEST_CASE("nobody is displaced who has had a place") {
  Bench b({.running = 1, .waiting = 2});
  Ticket& running = b.submit();
  for (int i = 0; i < 2; ++i) {
    Ticket& ticket = b.tickets.emplace_back();
    ticket.client = 1;
    ticket.again = true;
    CHECK(b.s.submit(ticket, kNow).state == State::kWaiting);
  }
  CHECK(b.submit(Lane::kClientWaits, 2).state == State::kRefused);
  CHECK(b.s.stats(Lane::kClientWaits).refused_full == 1);
  CHECK(running.state == State::kRunning);
}

TEST_CASE("what runs may move to a lower lane that has a place, and up always") {
  Bench b({.running = 8});  // 4 of them for revalidation and prefetch, 2 for prefetch
  for (int i = 0; i < 8; ++i) b.submit();
  Ticket& waiting = b.submit();
  CHECK(b.s.move(b.tickets[0], Lane::kPrefetch));
  CHECK(b.s.move(b.tickets[1], Lane::kPrefetch));
  CHECK_FALSE(b.s.move(b.tickets[2], Lane::kPrefetch));
  CHECK(b.s.move(b.tickets[2], Lane::kRevalidation));
  CHECK(b.s.move(b.tickets[3], Lane::kRevalidation));
  CHECK_FALSE(b.s.move(b.tickets[4], Lane::kRevalidation));
  CHECK(b.tickets[4].lane == Lane::kClientWaits);
  CHECK(b.start_count() == 0);  // they hold their places
  CHECK(b.s.running() == 8);
  CHECK(b.s.stats(Lane::kPrefetch).running == 2);
  CHECK(b.s.move(b.tickets[0], Lane::kClientWaits));
  CHECK(b.s.move(b.tickets[4], Lane::kPrefetch));
  for (std::size_t i = 0; i < 8; ++i) b.s.withdraw(b.tickets[i], kNow);
  CHECK(b.s.next(kNow) == &waiting);
  const LaneStats prefetch = b.s.stats(Lane::kPrefetch);
  CHECK(prefetch.running == 0);
  CHECK(prefetch.started == 3);
  CHECK(prefetch.completed == 3);
}

// ---- Numbers

TEST_CASE("Retry-After follows the queue and the pace of the origin") {
  struct Row {
    int waiting;
    Duration step;  // between places that come free
    Seconds answer;
  };
  const Row rows[] = {
      {0, 1s, 1s}, {1, 100ms, 1s}, {30, 100ms, 3s}, {31, 100ms, 4s}, {100, 1s, 60s}, {500, 4h, 60s},
  };
  for (const Row& row : rows) {
    Bench b({.running = 1, .waiting = 1000, .patience = kForever});
    b.submit();
    b.submit_many(40 + row.waiting, Lane::kClientWaits);
    for (std::size_t i = 0; i < 40; ++i) {
      b.now += row.step;
      b.s.withdraw(b.tickets[i], b.now);
      b.start();
    }
    CHECK(b.s.waiting() == static_cast<std::uint32_t>(row.waiting));
    CHECK(b.s.retry_after(b.now) == row.answer);
  }
}

TEST_CASE("what happened is counted in its lane, with the time that those waited who started") {
  Bench b({.running = 1, .waiting = 2, .patience = 30s});
  Ticket& first = b.submit();
  b.submit();
  Ticket& third = b.submit();
  b.submit();  // full
  b.submit(Lane::kPrefetch);
  b.now += 3s;
  b.s.withdraw(first, b.now);
  REQUIRE(b.start_count() == 1);
  b.s.withdraw(third, b.now);
  while (b.s.expired(kNow + 30s)) {
  }
  const LaneStats c = b.s.stats(Lane::kClientWaits);
  CHECK(c.submitted == 4);
  CHECK(c.started == 2);
  CHECK(c.completed == 1);
  CHECK(c.withdrawn == 1);
  CHECK(c.refused_full == 1);
  CHECK(c.refused_timeout == 0);
  CHECK(c.waited_sum == 3s);
  CHECK(c.waited_max == 3s);
  CHECK(c.running == 1);
  CHECK(c.waiting == 0);
  const LaneStats p = b.s.stats(Lane::kPrefetch);
  CHECK(p.submitted == 1);
  CHECK(p.refused_timeout == 1);
}

}  // namespace
}  // namespace weir::sched
