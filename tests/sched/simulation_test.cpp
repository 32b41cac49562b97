// Properties of the scheduler over long runs of simulated time, with fixed seeds.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "sched/scheduler.h"

namespace weir::sched {
namespace {

using namespace std::chrono_literals;
using State = Ticket::State;

constexpr std::array kAllLanes = {Lane::kClientWaits, Lane::kRevalidation, Lane::kPrefetch};

std::size_t index(Lane lane) { return static_cast<std::size_t>(lane); }

// ---- Sources: each keeps some tickets in the scheduler for ever

struct Source {
  Lane lane;
  std::uint64_t client;
  int greed;  // tickets that it keeps waiting or running
  int starts = 0;
};

// Each step one place comes free, in the order of starts, and what may start does. Who started
// asks again when it is done.
void run_sources(Scheduler& s, std::vector<Source>& sources, int steps) {
  TimePoint now{1h};
  std::deque<Ticket> tickets;
  std::map<const Ticket*, Source*> owners;
  std::deque<Ticket*> running;
  for (Source& source : sources) {
    for (int i = 0; i < source.greed; ++i) {
      Ticket& ticket = tickets.emplace_back();
      ticket.lane = source.lane;
      ticket.client = source.client;
      owners[&ticket] = &source;
      if (s.submit(ticket, now).state == State::kRunning) running.push_back(&ticket);
    }
  }
  for (int i = 0; i < steps; ++i) {
    now += 1ms;
    Ticket& done = *running.front();
    running.pop_front();
    s.withdraw(done, now);
    while (Ticket* next = s.next(now)) {
      running.push_back(next);
      ++owners[next]->starts;
    }
    if (s.submit(done, now).state == State::kRunning) running.push_back(&done);
  }
  for (Ticket& ticket : tickets) s.withdraw(ticket, now);
}

TEST_CASE("clients of very different greed get equal starts in every lane") {
  for (const Lane lane : kAllLanes) {
    CAPTURE(index(lane));
    Scheduler s({.running = 8, .waiting = 100'000, .patience = kForever});
    std::vector<Source> sources = {{lane, 1, 5000}, {lane, 2, 50}, {lane, 3, 20}, {lane, 0, 700}};
    run_sources(s, sources, 8000);
    for (const Source& source : sources) {
      CAPTURE(source.client);
      CHECK(source.starts >= 1999);
      CHECK(source.starts <= 2001);
    }
  }
}

TEST_CASE("no lane starves another, whatever waits in it") {
  struct Row {
    std::array<int, kLanes> greed;
    std::array<int, kLanes> least;  // of 9000 starts
  };
  const Row rows[] = {
      {{5000, 100, 0}, {7800, 1100, 0}},      {{5000, 0, 100}, {7800, 0, 1100}},
      {{5000, 1000, 1000}, {6990, 990, 990}}, {{40, 1000, 1000}, {6990, 990, 990}},
      {{0, 1000, 100}, {0, 7870, 1120}},      {{100, 1, 1}, {7860, 560, 560}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.greed[0]);
    CAPTURE(row.greed[1]);
    CAPTURE(row.greed[2]);
    Scheduler s({.running = 8, .waiting = 100'000, .patience = kForever});
    std::vector<Source> sources;
    for (const Lane lane : kAllLanes) sources.push_back({lane, 9, row.greed[index(lane)]});
    run_sources(s, sources, 9000);
    for (const Lane lane : kAllLanes) {
      CAPTURE(index(lane));
      CHECK(sources[index(lane)].starts >= row.least[index(lane)]);
    }
  }
}

// ---- Random steps against a plain model

struct World {
  explicit World(std::uint32_t seed) : random(seed), tickets(400) {
    limits.running = pick({0, 1, 2, 7, 40});
    limits.waiting = pick({0, 1, 8, 50, 1000});
    limits.patience = std::chrono::milliseconds(pick({5, 50, 1000}));
    scheduler.emplace(limits);
  }
  ~World() {
    for (Ticket& ticket : tickets) scheduler->withdraw(ticket, now);
    CHECK(scheduler->running() == 0);
    CHECK(scheduler->waiting() == 0);
    CHECK(scheduler->next_deadline() == TimePoint::max());
  }

  std::uint32_t pick(std::initializer_list<std::uint32_t> values) {
    return values.begin()[random() % values.size()];
  }
  std::uint32_t limit() const {
    return std::min(limits.running ? limits.running : Scheduler::kNoLimit, capacity);
  }
  std::uint32_t count(State state, std::size_t lane) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        tickets, [&](const Ticket& t) { return t.state == state && index(t.lane) == lane; }));
  }
  // What waits and had no place before.
  std::uint32_t first_time(std::size_t lane) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(tickets, [&](const Ticket& t) {
      return t.state == State::kWaiting && index(t.lane) == lane && !t.again;
    }));
  }
  // Of this lane and those below it.
  std::uint32_t running_from(std::size_t lane) const {
    std::uint32_t n = 0;
    for (std::size_t l = lane; l < kLanes; ++l) n += count(State::kRunning, l);
    return n;
  }
  bool may_start(std::size_t lane) const {
    if (running_from(0) >= limit()) return false;
    if (lane >= 1 && running_from(1) >= std::max(1u, limit() / 2)) return false;
    return lane < 2 || running_from(2) < std::max(1u, limit() / 4);
  }

  void step();
  void submit(Ticket& ticket);
  void withdraw(Ticket& ticket);
  void move(Ticket& ticket);
  void change();
  void settle();
  void check();

  std::minstd_rand random;
  TimePoint now{1h};
  Limits limits;
  std::uint32_t capacity = Scheduler::kNoLimit;
  std::deque<Ticket> tickets;
  std::optional<Scheduler> scheduler;
};

void World::submit(Ticket& ticket) {
  ticket.lane = kAllLanes[pick({0, 0, 0, 1, 2})];
  ticket.client = random() % 3 == 0 ? random() % 100 : random() % 3;
  ticket.again = random() % 10 == 0;
  const std::size_t lane = index(ticket.lane);
  bool place = may_start(lane);
  for (std::size_t l = 0; l < kLanes; ++l) {  // nobody is overtaken
    place = place && (count(State::kWaiting, l) == 0 || (l != lane && !may_start(l)));
  }
  const auto before = scheduler->waiting();
  const Scheduler::Admission admission = scheduler->submit(ticket, now);
  REQUIRE(admission.state == ticket.state);
  REQUIRE((admission.state == State::kRunning) == place);
  if (admission.state == State::kWaiting) REQUIRE(ticket.deadline == now + limits.patience);
  if (Ticket* displaced = admission.displaced) {
    REQUIRE(displaced->lane == ticket.lane);
    REQUIRE(displaced->client != ticket.client);
    REQUIRE(displaced->state == State::kRefused);
    REQUIRE_FALSE(displaced->again);
    REQUIRE(scheduler->waiting() == before);
  }
  if (ticket.again) REQUIRE(admission.state != State::kRefused);
}

void World::withdraw(Ticket& ticket) {
  scheduler->withdraw(ticket, now);
  REQUIRE(ticket.state == State::kNew);
}

void World::move(Ticket& ticket) {
  const Lane before = ticket.lane;
  const Lane lane = kAllLanes[random() % kLanes];
  const bool moved = scheduler->move(ticket, lane);
  REQUIRE(ticket.lane == (moved ? lane : before));
  REQUIRE((moved || lane > before));
  if (!moved || lane <= before) return;
  const std::uint32_t places = std::max(1u, limit() >> index(lane));
  REQUIRE(running_from(index(lane)) <= places);
}

void World::change() {
  if (random() % 4 == 0) {
    capacity = pick({0, 1, 3, 20, Scheduler::kNoLimit});
    scheduler->set_capacity(capacity);
  } else {
    now += std::chrono::milliseconds(random() % 40);
  }
}

void World::step() {
  now += std::chrono::microseconds(random() % 500);
  Ticket& ticket = tickets[random() % tickets.size()];
  if (random() % 50 == 0) {
    change();
  } else if (ticket.state == State::kNew) {
    submit(ticket);
  } else if (ticket.state == State::kRunning && random() % 3 == 0) {
    move(ticket);
  } else if (ticket.state != State::kWaiting || random() % 8 == 0) {
    withdraw(ticket);
  }
  settle();
  check();
}

// Refuses and starts all that is due, and nothing else.
void World::settle() {
  while (Ticket* ticket = scheduler->expired(now)) {
    REQUIRE(ticket->state == State::kRefused);
    REQUIRE(ticket->refusal == Errc::kQueueTimeout);
    REQUIRE(ticket->deadline <= now);
  }
  for (;;) {
    std::array<bool, kLanes> may{};
    for (const Lane lane : kAllLanes) may[index(lane)] = may_start(index(lane));
    Ticket* ticket = scheduler->next(now);
    if (!ticket) return;
    REQUIRE(may[index(ticket->lane)]);
  }
}

void World::check() {
  TimePoint earliest = TimePoint::max();
  for (const Ticket& ticket : tickets) {
    if (ticket.state == State::kWaiting) earliest = std::min(earliest, ticket.deadline);
  }
  REQUIRE(scheduler->next_deadline() == earliest);
  REQUIRE(earliest > now);
  for (const Lane lane : kAllLanes) {
    const std::size_t l = index(lane);
    const LaneStats s = scheduler->stats(lane);
    REQUIRE(s.running == count(State::kRunning, l));
    REQUIRE(s.waiting == count(State::kWaiting, l));
    REQUIRE(first_time(l) <= std::max(1u, l == 0 ? limits.waiting : limits.waiting / 8));
    REQUIRE(s.submitted ==
            s.started + s.refused_full + s.refused_timeout + s.withdrawn + s.waiting);
    REQUIRE(s.started == s.completed + s.running);
    REQUIRE(s.waited_max < limits.patience);
    if (s.waiting > 0) REQUIRE_FALSE(may_start(l));  // no place lies idle
  }
  const Seconds retry = scheduler->retry_after(now);
  REQUIRE(retry >= 1s);
  REQUIRE(retry <= Scheduler::kRetryAfterMax);
}

TEST_CASE("in any order of events limits hold, no place lies idle, and every ticket is counted") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < 1500; ++i) world.step();
  }
}

}  // namespace
}  // namespace weir::sched
