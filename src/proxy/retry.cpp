#include "proxy/retry.h"

#include <algorithm>

namespace weir::proxy {
namespace {

constexpr Duration kFirstWait = std::chrono::milliseconds(50);
constexpr Duration kLongestWait = std::chrono::milliseconds(800);
constexpr Duration kPoll = std::chrono::milliseconds(100);  // while a trial runs

bool never_connected(Errc code) {
  return code == Errc::kResolveFailed || code == Errc::kConnectRefused ||
         code == Errc::kConnectFailed || code == Errc::kConnectTimeout ||
         code == Errc::kOriginTlsTimeout;
}

// No server that is asked again will show another certificate; another one may.
bool refused_by_tls(Errc code) {
  return code == Errc::kOriginUntrusted || code == Errc::kOriginWrongName ||
         code == Errc::kOriginExpired;
}

bool no_server(Errc code) {
  return code == Errc::kServersEjected || code == Errc::kServersUnhealthy;
}

}  // namespace

std::optional<TimePoint> Retry::after_failure(const Failure& failure, TimePoint now) {
  const Errc code = failure.why.code;
  const bool answerless =
      code == Errc::kOriginClosed || code == Errc::kOriginReset || code == Errc::kOriginTlsFailed;
  if (deadline_ == TimePoint::max()) deadline_ = after(now, rules_.retry_for);
  TimePoint at = now;
  costs_ = answerless;
  if (no_server(code)) {
    at = failure.next_try == TimePoint::max() ? after(now, kPoll) : std::max(now, failure.next_try);
  } else {
    if (!first_) first_ = failure.why;
    if (answerless && (!failure.repeatable || answerless_++ >= rules_.attempts)) return {};
    if (!answerless && !never_connected(code) && !(refused_by_tls(code) && failure.another)) {
      return {};
    }
    if (!failure.another) {
      const Duration step = std::min(kLongestWait, kFirstWait * (1 << std::min(waits_++, 8u)));
      at = after(now, step + step / 2 * (failure.random >> 16) / 65536);
    }
  }
  if (at > deadline_) return {};
  return at;
}

}  // namespace weir::proxy
