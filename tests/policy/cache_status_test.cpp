#include "policy/cache_status.h"

#include <doctest/doctest.h>

namespace weir::policy {
namespace {

TEST_CASE("Cache-Status is printed as a member of a structured list") {  // RFC 9211 §2
  const std::pair<CacheStatus, const char*> cases[] = {
      {{.hit = true, .ttl = Seconds{376}}, "weir; hit; ttl=376"},
      {{.hit = true, .ttl = Seconds{-5}, .detail = "stale_while_revalidate"},
       "weir; hit; ttl=-5; detail=stale_while_revalidate"},
      {{.forward = Forward::kUriMiss, .forward_status = 200, .stored = true, .ttl = Seconds{60}},
       "weir; fwd=uri-miss; fwd-status=200; stored; ttl=60"},
      {{.forward = Forward::kUriMiss, .collapsed = true}, "weir; fwd=uri-miss; collapsed"},
      {{.forward = Forward::kVaryMiss}, "weir; fwd=vary-miss"},
      {{.forward = Forward::kMiss}, "weir; fwd=miss"},
      {{.forward = Forward::kStale, .forward_status = 304}, "weir; fwd=stale; fwd-status=304"},
      {{.forward = Forward::kRequest}, "weir; fwd=request"},
      {{.forward = Forward::kPartial}, "weir; fwd=partial"},
      {{.forward = Forward::kMethod, .detail = "method"}, "weir; fwd=method; detail=method"},
      {{.forward = Forward::kBypass, .detail = "upgrade"}, "weir; fwd=bypass; detail=upgrade"},
      {{.hit = true, .ttl = Seconds{1}, .key = "http://a/?q=\"\\"},
       "weir; hit; ttl=1; key=\"http://a/?q=\\\"\\\\\""},
      {{.forward = Forward::kUriMiss, .detail = "x", .key = "a\xc3\xbc\n"},
       "weir; fwd=uri-miss; key=\"a\"; detail=x"},
      {{.detail = "only_if_cached"}, "weir; detail=only_if_cached"},
  };
  for (const auto& [status, expected] : cases) {
    std::string out;
    print_cache_status(status, out);
    CHECK(out == expected);
  }
}

TEST_CASE("Cache-Status is appended to what stands in the buffer") {
  std::string out = "upstream; hit, ";
  print_cache_status({.hit = true}, out);
  CHECK(out == "upstream; hit, weir; hit");
}

}  // namespace
}  // namespace weir::policy
