#pragma once
// RetryBudget: retries may be a share of the requests, and a few a second besides, so that an
// origin that fails under load is not asked yet more often. A token bucket; pure; not thread safe.
//
// Exact: a retry is 10^9 units, a percent of a request 10^7, a retry a second is a unit each ns.

#include <cstdint>

#include "base/time.h"

namespace weir::sched {

struct RetryBudgetSettings {
  std::uint32_t percent = 20;     // of the requests; at most 100
  std::uint32_t per_second = 10;  // at any rate of requests
  std::uint32_t burst = 100;      // what may be saved up; it starts full
};

class RetryBudget {
 public:
  explicit RetryBudget(const RetryBudgetSettings& settings);

  // A request that is no retry.
  void request();
  // True: retry, it is paid for. False: answer with what went wrong.
  bool take(TimePoint now);
  // Whole retries that could be taken now.
  std::uint32_t left(TimePoint now);

 private:
  void earn(TimePoint now);

  RetryBudgetSettings settings_;
  std::uint64_t full_;
  std::uint64_t units_;
  TimePoint last_ = TimePoint::max();  // max: no time was told yet
};

}  // namespace weir::sched
