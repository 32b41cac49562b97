#include "sched/retry_budget.h"

#include <doctest/doctest.h>

namespace weir::sched {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

std::uint32_t take_all(RetryBudget& budget, TimePoint now) {
  std::uint32_t taken = 0;
  while (budget.take(now)) ++taken;
  return taken;
}

TEST_CASE("retries are a share of the requests, a few a second, and what was saved up") {
  struct Row {
    RetryBudgetSettings settings;
    std::uint32_t requests;
    Duration passed;
    std::uint32_t retries;  // after the burst was used up
  };
  const Row rows[] = {
      {{.percent = 20, .per_second = 0, .burst = 100}, 99, 0s, 19},
      {{.percent = 20, .per_second = 0, .burst = 100}, 100, 0s, 20},
      {{.percent = 1, .per_second = 0, .burst = 100}, 99, 0s, 0},
      {{.percent = 1, .per_second = 0, .burst = 100}, 100, 1h, 1},
      {{.percent = 100, .per_second = 0, .burst = 100}, 7, 0s, 7},
      {{.percent = 0, .per_second = 0, .burst = 100}, 1000, 1h, 0},
      {{.percent = 0, .per_second = 10, .burst = 100}, 0, 100ms - 1ns, 0},
      {{.percent = 0, .per_second = 10, .burst = 100}, 0, 100ms, 1},
      {{.percent = 0, .per_second = 10, .burst = 100}, 1000, 5s, 50},
      {{.percent = 20, .per_second = 10, .burst = 100}, 10, 1s, 12},
      {{.percent = 0, .per_second = 3, .burst = 100}, 0, 1s, 3},
      {{.percent = 50, .per_second = 10, .burst = 100}, 1000, 0s, 100},
      {{.percent = 0, .per_second = 10, .burst = 100}, 0, 24h * 365 * 100, 100},
      {{.percent = 50, .per_second = 10, .burst = 0}, 1000, 1h, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.settings.percent);
    CAPTURE(row.settings.per_second);
    CAPTURE(row.requests);
    RetryBudget budget(row.settings);
    CHECK(take_all(budget, kStart) == row.settings.burst);
    for (std::uint32_t i = 0; i < row.requests; ++i) budget.request();
    CHECK(budget.left(kStart + row.passed) == row.retries);
    CHECK(take_all(budget, kStart + row.passed) == row.retries);
  }
}

TEST_CASE("nothing is lost or won when a span is asked about in steps") {
  RetryBudget budget({.percent = 0, .per_second = 7, .burst = 1000});
  take_all(budget, kStart);
  std::uint32_t taken = 0;
  for (int ms = 1; ms <= 10'000; ++ms) {
    taken += take_all(budget, kStart + std::chrono::milliseconds(ms));
    taken += take_all(budget, kStart + std::chrono::milliseconds(ms - 1));  // another thread
  }
  CHECK(taken == 70);
}

TEST_CASE("a failing origin under a steady load is asked at most a fifth more") {
  RetryBudget budget({});
  take_all(budget, kStart);
  std::uint32_t retries = 0;
  for (int i = 1; i <= 100'000; ++i) {  // 10 s of 10,000 a second, all fail
    budget.request();
    retries += budget.take(kStart + i * 100us);
  }
  CHECK(retries == 20'000 + 100);
}

}  // namespace
}  // namespace weir::sched
