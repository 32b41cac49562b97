#pragma once
// Retry: whether, and when, a fetch that got no head from the origin asks again. Pure.
//
//   why it failed                     asked again, not later than retry_for after the first time
//   no connection came about          at once at another server, else after a growing wait
//   it ended without a head           the same, if the request is safe, few times
//   its certificate is not believed  at once at another server, never at the same
//   every server is left alone        when the next may be tried, if that is soon enough
//   anything else                     never
//
// A request that may have been acted on is not repeated here, idempotent or not (RFC 9110 §9.2.2):
// origin::Call alone does so, once, where a reused connection was dead before it was used.
//
// So a restart of the origin costs its clients a wait and no error, and an origin that is down for
// long is not waited for: its servers are known to be ejected.

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/time.h"

namespace weir::proxy {

struct RetryRules {
  Duration retry_for = std::chrono::seconds(3);
  std::uint32_t attempts = 2;  // after a connection that ended without an answer
};

class Retry {
 public:
  struct Failure {
    Error why;
    bool repeatable = false;  // to send it twice does nothing
    bool another = false;     // there is a server that this fetch has not tried
    // Every server is left alone: when one may be tried again; max() when that is not known.
    TimePoint next_try = TimePoint::max();
    std::uint32_t random =
        0;  // any 32 bits: waits grow by up to a half, so that not all come at once
  };

  explicit Retry(const RetryRules& rules) : rules_(rules) {}

  // When to ask again; nothing: give up.
  std::optional<TimePoint> after_failure(const Failure& failure, TimePoint now);
  // The request had reached a server, so asking again costs the origin something.
  bool costs() const { return costs_; }
  // What to tell the client: the first reason that is about the origin itself.
  Error reason(Error last) const { return first_ ? *first_ : last; }

 private:
  RetryRules rules_;
  std::optional<Error> first_;
  TimePoint deadline_ = TimePoint::max();
  std::uint32_t waits_ = 0;
  std::uint32_t answerless_ = 0;
  bool costs_ = false;
};

}  // namespace weir::proxy
