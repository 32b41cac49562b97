#include "proxy/retry.h"

#include <doctest/doctest.h>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};
constexpr RetryRules kRules{.retry_for = 3s, .attempts = 2};

Retry::Failure failure(Errc code, bool repeatable = true, bool another = false) {
  return {.why = Error{code}, .repeatable = repeatable, .another = another};
}

TEST_CASE("without a connection any request is asked again: at once elsewhere, else after a wait") {
  Retry retry(kRules);
  const auto refused = failure(Errc::kConnectRefused, false);
  CHECK(retry.after_failure(failure(Errc::kConnectRefused, false, true), kStart) == kStart);
  CHECK(retry.after_failure(refused, kStart) == kStart + 50ms);
  CHECK(retry.after_failure(refused, kStart + 50ms) == kStart + 150ms);
  CHECK(retry.after_failure(refused, kStart + 150ms) == kStart + 350ms);
  CHECK_FALSE(retry.costs());  // it never came so far
  for (int i = 0; i < 20; ++i) retry.after_failure(refused, kStart + 1s);
  CHECK(retry.after_failure(refused, kStart + 2s) == kStart + 2800ms);
  CHECK_FALSE(retry.after_failure(refused, kStart + 2201ms));
  CHECK(retry.reason(Error{Errc::kServersEjected}).code == Errc::kConnectRefused);
}

TEST_CASE("a connection that ends without an answer is replaced if the request may be repeated") {
  for (const Errc code : {Errc::kOriginClosed, Errc::kOriginReset}) {
    Retry retry(kRules);
    CHECK(retry.after_failure(failure(code), kStart) == kStart + 50ms);
    CHECK(retry.costs());
    CHECK(retry.after_failure(failure(code), kStart) == kStart + 100ms);
    CHECK_FALSE(retry.after_failure(failure(code), kStart));
    Retry once(kRules);
    CHECK_FALSE(once.after_failure(failure(code, false, true), kStart));
  }
}

TEST_CASE("a server whose certificate is not believed is not asked again, but another is") {
  for (const Errc code : {Errc::kOriginUntrusted, Errc::kOriginWrongName, Errc::kOriginExpired}) {
    Retry retry(kRules);
    CHECK(retry.after_failure(failure(code, false, true), kStart) == kStart);
    CHECK_FALSE(retry.costs());
    CHECK_FALSE(retry.after_failure(failure(code), kStart));
    CHECK(retry.reason(Error{Errc::kServersEjected}).code == code);
  }
}

TEST_CASE("a wait grows by up to a half, as chance will have it") {
  Retry retry(kRules);
  Retry::Failure refused = failure(Errc::kConnectRefused);
  refused.random = 0xffffffff;
  const auto at = retry.after_failure(refused, kStart);
  REQUIRE(at);
  CHECK(*at > kStart + 74ms);
  CHECK(*at <= kStart + 75ms);
}

TEST_CASE("with every server left alone it waits for the next trial, if that is soon enough") {
  struct Row {
    TimePoint next_try;
    std::optional<TimePoint> at;
  };
  const Row rows[] = {
      {kStart + 1s, kStart + 1s},         {kStart - 1s, kStart},
      {kStart + 3s, kStart + 3s},         {kStart + 3001ms, std::nullopt},
      {TimePoint::max(), kStart + 100ms},  // one is being tried
  };
  for (const Row& row : rows) {
    Retry retry(kRules);
    Retry::Failure ejected = failure(Errc::kServersEjected, false);
    ejected.next_try = row.next_try;
    CHECK(retry.after_failure(ejected, kStart) == row.at);
    CHECK_FALSE(retry.costs());
    CHECK(retry.reason(ejected.why).code == Errc::kServersEjected);
  }
}

TEST_CASE("what may have been acted on, and what is no fault of the connection, is not repeated") {
  for (const Errc code : {Errc::kFirstByteTimeout, Errc::kOriginBadResponse, Errc::kQueueFull,
                          Errc::kOriginHeadTooLarge}) {
    Retry retry(kRules);
    CHECK_FALSE(retry.after_failure(failure(code, true, true), kStart));
  }
}

}  // namespace
}  // namespace weir::proxy
