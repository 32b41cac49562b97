#include "sched/fair_queue.h"

#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <map>
#include <random>
#include <vector>

namespace weir::sched {
namespace {

// Tickets of the given clients, pushed in this order.
std::deque<Ticket> pushed(FairQueue& queue, const std::vector<std::uint64_t>& clients) {
  std::deque<Ticket> tickets;
  for (const std::uint64_t client : clients) {
    tickets.emplace_back().client = client;
    queue.push(tickets.back());
  }
  return tickets;
}

std::vector<std::uint64_t> drained(FairQueue& queue) {
  std::vector<std::uint64_t> clients;
  while (const Ticket* ticket = queue.pop()) clients.push_back(ticket->client);
  return clients;
}

TEST_CASE("clients take turns, and each one's own tickets keep their order") {
  FairQueue queue;
  const auto t = pushed(queue, {1, 1, 1, 2, 3, 3});
  for (const std::size_t expected : {0u, 3u, 4u, 1u, 5u, 2u}) CHECK(queue.pop() == &t[expected]);
  CHECK(queue.pop() == nullptr);
  CHECK(queue.empty());
}

TEST_CASE("who comes back after its line was empty stands behind the others") {
  FairQueue queue;
  auto t = pushed(queue, {1, 2, 2, 3});
  CHECK(queue.pop() == &t[0]);
  queue.push(t[0]);
  CHECK(drained(queue) == std::vector<std::uint64_t>{2, 3, 1, 2});
}

TEST_CASE("nobody in particular is one client") {
  FairQueue queue;
  const auto t = pushed(queue, {0, 0, 7, 0});
  CHECK(drained(queue) == std::vector<std::uint64_t>{0, 7, 0, 0});
}

TEST_CASE("a ticket leaves from any place in its line") {
  for (std::size_t gone = 0; gone < 4; ++gone) {
    CAPTURE(gone);
    FairQueue queue;
    auto t = pushed(queue, {1, 1, 1, 2});
    queue.remove(t[gone]);
    CHECK(queue.size() == 3);
    CHECK(queue.length_of(1) == (gone == 3 ? 3 : 2));
    CHECK(queue.length_of(2) == (gone == 3 ? 0 : 1));
    CHECK_FALSE(t[gone].linked());
    CHECK(drained(queue).size() == 3);
  }
}

TEST_CASE("the longest line is known, and its newest ticket") {
  FairQueue queue;
  auto t = pushed(queue, {1, 2, 2, 1, 2});
  CHECK(queue.longest() == 3);
  CHECK(&queue.newest_of_longest() == &t[4]);
  queue.remove(t[4]);
  queue.remove(t[1]);
  CHECK(queue.longest() == 2);
  CHECK(&queue.newest_of_longest() == &t[3]);
}

TEST_CASE("after any sequence of steps lengths are right and nothing is lost") {
  std::minstd_rand random(11);
  FairQueue queue;
  std::deque<Ticket> tickets(300);
  for (Ticket& ticket : tickets) {
    const auto most = 1 + random() % 30;  // so that low numbers have more
    ticket.client = random() % most;
  }
  std::map<std::uint64_t, std::uint32_t> lengths;
  std::uint32_t total = 0;
  for (int step = 0; step < 50'000; ++step) {
    Ticket& ticket = tickets[random() % tickets.size()];
    const bool fills = step / 1000 % 2 == 0;  // rises and falls
    if (!ticket.linked() && (fills || random() % 4 == 0)) {
      queue.push(ticket);
      ++lengths[ticket.client], ++total;
    } else if (ticket.linked() && random() % 2 == 0) {
      queue.remove(ticket);
      --lengths[ticket.client], --total;
    } else if (!fills || random() % 4 == 0) {
      const Ticket* popped = queue.pop();
      REQUIRE((popped != nullptr) == (total > 0));
      if (popped) --lengths[popped->client], --total;
    }
    std::uint32_t longest = 0;
    for (const auto& [client, length] : lengths) {
      REQUIRE(queue.length_of(client) == length);
      longest = std::max(longest, length);
    }
    REQUIRE(queue.longest() == longest);
    REQUIRE(queue.size() == total);
    if (total > 0) REQUIRE(queue.length_of(queue.newest_of_longest().client) == longest);
  }
}

}  // namespace
}  // namespace weir::sched
