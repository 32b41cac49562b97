#include "sched/scheduler.h"

#include <doctest/doctest.h>

#include <array>

using namespace std::chrono_literals;
using weir::TimePoint;
using weir::sched::Lane;
using weir::sched::Limits;
using weir::sched::Scheduler;
using weir::sched::Ticket;
using State = Ticket::State;

namespace {
constexpr TimePoint kNow{1h};
}

TEST_CASE("fetches start at once while there are places, then wait in order") {
  Scheduler s(Limits{.running = 2, .waiting = 10, .patience = 30s});
  std::array<Ticket, 4> t;
  CHECK(s.submit(t[0], kNow) == State::kRunning);
  CHECK(s.submit(t[1], kNow) == State::kRunning);
  CHECK(s.submit(t[2], kNow) == State::kWaiting);
  CHECK(s.submit(t[3], kNow) == State::kWaiting);
  CHECK(s.next() == nullptr);
  s.withdraw(t[0]);
  CHECK(s.next() == &t[2]);
  CHECK(s.next() == nullptr);
  s.withdraw(t[1]);
  CHECK(s.next() == &t[3]);
  CHECK(s.running() == 2);
  CHECK(s.waiting() == 0);
}

TEST_CASE("a full queue refuses") {
  Scheduler s(Limits{.running = 1, .waiting = 1, .patience = 30s});
  std::array<Ticket, 3> t;
  s.submit(t[0], kNow);
  s.submit(t[1], kNow);
  CHECK(s.submit(t[2], kNow) == State::kRefused);
}

TEST_CASE("a ticket that waited past its deadline is refused, the others are not") {
  Scheduler s(Limits{.running = 1, .waiting = 10, .patience = 30s});
  std::array<Ticket, 3> t;
  s.submit(t[0], kNow);
  s.submit(t[1], kNow);
  s.submit(t[2], kNow + 5s);
  CHECK(s.next_deadline() == kNow + 30s);
  CHECK(s.expired(kNow + 29s) == nullptr);
  CHECK(s.expired(kNow + 30s) == &t[1]);
  CHECK(t[1].state == State::kRefused);
  CHECK(s.expired(kNow + 30s) == nullptr);
  CHECK(s.next_deadline() == kNow + 35s);
}

TEST_CASE("a client that waits goes before revalidation and prefetch") {
  Scheduler s(Limits{.running = 1, .waiting = 10, .patience = 30s});
  std::array<Ticket, 4> t;
  t[1].lane = Lane::kPrefetch;
  t[2].lane = Lane::kRevalidation;
  for (Ticket& ticket : t) s.submit(ticket, kNow);
  Ticket* running = &t[0];
  for (Ticket* expected : {&t[3], &t[2], &t[1]}) {
    s.withdraw(*running);
    running = s.next();
    CHECK(running == expected);
  }
}

TEST_CASE("withdrawing a waiting ticket frees nothing but its place in the queue") {
  Scheduler s(Limits{.running = 1, .waiting = 10, .patience = 30s});
  std::array<Ticket, 3> t;
  for (Ticket& ticket : t) s.submit(ticket, kNow);
  s.withdraw(t[1]);
  CHECK(s.running() == 1);
  CHECK(s.waiting() == 1);
  CHECK(s.next() == nullptr);
  s.withdraw(t[0]);
  CHECK(s.next() == &t[2]);
}

TEST_CASE("no limit means that nothing waits") {
  Scheduler s(Limits{.running = 0, .waiting = 0, .patience = 30s});
  std::array<Ticket, 100> t;
  for (Ticket& ticket : t) CHECK(s.submit(ticket, kNow) == State::kRunning);
}
