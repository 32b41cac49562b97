// The promise of this room to the hit path: no allocation for an ordinary request.
#include <doctest/doctest.h>

#include "policy/answer.h"
#include "policy/cache_status.h"
#include "policy/messages.h"
#include "policy/reuse.h"
#include "policy/vary.h"
#include "support/allocations.h"

namespace weir::policy {
namespace {

TEST_CASE("an ordinary hit allocates nothing") {
  const http::Request asked = get({{"Host", "example.org"},
                                   {"User-Agent", "curl/7.88.1"},
                                   {"Accept", "*/*"},
                                   {"Accept-Encoding", "gzip, deflate, br, zstd"}});
  const http::Response stored = response(
      200, {{"Cache-Control", "max-age=60"}, {"Vary", "Accept-Encoding"}, {"ETag", "\"a\""}});
  const Rules rules;
  const Freshness freshness = freshness_of(stored, directives_of(stored, rules), rules, kNow, kNow);
  const auto names = vary_names(stored);
  std::string variant, status;
  variant.reserve(256);
  status.reserve(256);

  const std::size_t before = test::allocations();
  const RequestClass request_class = classify(asked, rules);
  variant_text(*names, asked, variant);
  const ReuseVerdict verdict = may_reuse(request_class, freshness, kNow);
  const Answer given = answer(asked, stored, 100, kNow);
  print_cache_status({.hit = true, .ttl = freshness.ttl(kNow)}, status);
  const std::size_t spent = test::allocations() - before;

  CHECK(spent == 0);
  CHECK(before > 0);
  CHECK(verdict.reuse == Reuse::kFresh);
  CHECK(given.status == 200);
  CHECK(status == "weir; hit; ttl=60");
}

}  // namespace
}  // namespace weir::policy
