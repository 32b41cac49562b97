#include "policy/reuse.h"

#include <doctest/doctest.h>

#include "policy/messages.h"

namespace weir::policy {
namespace {

struct ReuseCase {
  const char* section;
  const char* asked;   // Cache-Control of the request
  const char* stored;  // and of the response
  long age;
  Reuse reuse;
  const char* reason;
};

Freshness stored_with(const char* directives) {
  const http::Response r = response(200, {{"Date", date(0)}, {"Cache-Control", directives}});
  return freshness_of(r, directives_of(r, {}), Rules{}, kNow, kNow);
}

RequestClass asking(std::string_view directives) {
  return directives.empty() ? classify(get({}), Rules{})
                            : classify(get({{"Cache-Control", directives}}), Rules{});
}

TEST_CASE("a stored response is served fresh, served stale or validated") {
  using enum Reuse;
  const ReuseCase cases[] = {
      {"4.2", "", "max-age=10", 9, kFresh, "fresh"},
      {"4.2", "", "max-age=10", 10, kValidate, "stale"},
      {"5.2.2.4", "", "max-age=10, no-cache", 0, kValidate, "no_cache"},
      {"5.2.2.4", "max-stale", "max-age=10, no-cache", 0, kValidate, "no_cache"},
      {"5.2.1.4", "no-cache", "max-age=10", 0, kValidate, "request_no_cache"},
      {"5.2.1.1", "max-age=0", "max-age=10", 0, kValidate, "request_no_cache"},
      {"5.2.1.1", "max-age=5", "max-age=10", 5, kFresh, "fresh"},
      {"5.2.1.1", "max-age=5", "max-age=10", 6, kValidate, "request_max_age"},
      {"5.2.1.1", "max-age=50", "max-age=10", 20, kValidate, "stale"},
      {"5.2.1.1", "max-age=50, max-stale=10", "max-age=10", 20, kStaleServe, "request_max_stale"},
      {"5.2.1.3", "min-fresh=4", "max-age=10", 6, kFresh, "fresh"},
      {"5.2.1.3", "min-fresh=4", "max-age=10", 7, kValidate, "request_min_fresh"},
      {"5.2.1.2", "max-stale=5", "max-age=10", 15, kStaleServe, "request_max_stale"},
      {"5.2.1.2", "max-stale=5", "max-age=10", 16, kValidate, "stale"},
      {"5.2.1.2", "max-stale", "max-age=10", 9999, kStaleServe, "request_max_stale"},
      {"5.2.1.5", "no-store", "max-age=10", 5, kFresh, "fresh"},
      {"4.2.4", "max-stale", "max-age=10, must-revalidate", 10, kValidate, "must_revalidate"},
      {"4.2.4", "max-stale", "max-age=10, proxy-revalidate", 10, kValidate, "must_revalidate"},
      {"4.2.4", "max-stale", "s-maxage=10", 10, kValidate, "must_revalidate"},
      {"5.2.2.2", "", "max-age=10, must-revalidate", 9, kFresh, "fresh"},
      {"5861 3", "", "max-age=10, stale-while-revalidate=5", 10, kStaleServe,
       "stale_while_revalidate"},
      {"5861 3", "", "max-age=10, stale-while-revalidate=5", 14, kStaleServe,
       "stale_while_revalidate"},
      {"5861 3", "", "max-age=10, stale-while-revalidate=5", 15, kValidate, "stale"},
      {"5861 3", "max-age=50", "max-age=10, stale-while-revalidate=5", 10, kValidate, "stale"},
      {"4.2.4", "", "max-age=10, stale-while-revalidate=5, must-revalidate", 10, kValidate,
       "must_revalidate"},
  };
  for (const ReuseCase& c : cases) {
    CAPTURE(c.section);
    CAPTURE(c.asked);
    CAPTURE(c.stored);
    CAPTURE(c.age);
    const ReuseVerdict v = may_reuse(asking(c.asked), stored_with(c.stored), kNow + Seconds{c.age});
    CHECK(v.reuse == c.reuse);
    CHECK(v.reason == c.reason);
  }
}

struct ErrorCase {
  const char* section;
  const char* asked;
  const char* stored;
  long age;
  bool served;
};

TEST_CASE("after an error a stale response is served only where somebody allowed it") {
  const ErrorCase cases[] = {
      {"4.2.4", "", "max-age=10", 10, false},
      {"5861 4", "", "max-age=10, stale-if-error=5", 14, true},
      {"5861 4", "", "max-age=10, stale-if-error=5", 15, false},
      {"5861 4", "stale-if-error=5", "max-age=10", 14, true},
      {"4.2.4", "", "max-age=10, stale-if-error=5, must-revalidate", 10, false},
      {"4.2.4", "", "s-maxage=10, stale-if-error=5", 10, false},
      {"5.2.2.4", "", "no-cache, stale-if-error=5", 0, false},
      {"5.2.1.4", "no-cache", "max-age=10, stale-if-error=5", 10, false},
      {"5.2.1.1", "max-age=1", "max-age=10, must-revalidate", 9, true},  // fresh, only too old
      {"5.2.1.1", "max-age=11", "max-age=10, stale-if-error=5", 11, true},
      {"5.2.1.1", "max-age=11", "max-age=10, stale-if-error=5", 12, false},
      {"5861 4", "max-age=11, stale-if-error=1", "max-age=10, stale-if-error=5", 12, true},
  };
  for (const ErrorCase& c : cases) {
    CAPTURE(c.section);
    CAPTURE(c.asked);
    CAPTURE(c.stored);
    CHECK(may_serve_on_error(asking(c.asked), stored_with(c.stored), kNow + Seconds{c.age}) ==
          c.served);
  }
}

TEST_CASE(
    "while the origin rests from a failure, stale-if-error is served at once") {  // RFC 5861 §4
  const Freshness rests = resting(stored_with("max-age=10, stale-if-error=60"), kNow + Seconds{20});
  const auto verdict = [&](const char* asked, long age) {
    return may_reuse(asking(asked), rests, kNow + Seconds{age});
  };
  CHECK(verdict("", 20).reuse == Reuse::kStaleServe);
  CHECK(verdict("", 20).reason == "stale_if_error");
  CHECK(verdict("", 29).reuse == Reuse::kStaleServe);
  CHECK(verdict("", 30).reuse == Reuse::kValidate);  // somebody asks again, and waits
  CHECK(verdict("no-cache", 20).reuse == Reuse::kValidate);
  CHECK(verdict("max-age=5", 20).reuse == Reuse::kValidate);
  CHECK(may_reuse(asking(""), stored_with("max-age=10, stale-if-error=60"), kNow + Seconds{20})
            .reuse == Reuse::kValidate);
  const Freshness strict =
      resting(stored_with("max-age=10, stale-if-error=60, must-revalidate"), kNow);
  CHECK(may_reuse(asking(""), strict, kNow + Seconds{10}).reuse == Reuse::kValidate);
}

TEST_CASE("500, 502, 503 and 504 are failures of the origin") {  // RFC 5861 §4
  for (int status = 100; status < 600; ++status) {
    CAPTURE(status);
    CHECK(is_failure(status) == (status == 500 || (status >= 502 && status <= 504)));
  }
}

}  // namespace
}  // namespace weir::policy
