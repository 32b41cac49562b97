// What the rules of a site ask of the policy.
#include <doctest/doctest.h>

#include "policy/admission.h"
#include "policy/messages.h"

namespace weir::policy {
namespace {

TEST_CASE("a lifetime that a rule sets counts from the arrival, whatever the response states") {
  struct Row {
    const char* what;
    http::Response response;
    Verdict verdict;
    long ttl;  // at arrival
  };
  Rules rules;
  rules.ttl = Seconds{600};
  rules.negative_ttl = Seconds{10};
  const Row rows[] = {
      {"stated shorter", response(200, {{"Cache-Control", "max-age=1"}}), Verdict::kKeep, 600},
      {"stated longer", response(200, {{"Cache-Control", "s-maxage=9999"}}), Verdict::kKeep, 600},
      {"stated in the past", response(200, {{"Expires", "0"}}), Verdict::kKeep, 600},
      {"nothing stated", response(200, {}), Verdict::kKeep, 600},
      {"already old", response(200, {{"Age", "5000"}, {"Cache-Control", "max-age=1"}}),
       Verdict::kKeep, 600},
      {"a status that is not kept by itself", response(302, {}), Verdict::kKeep, 600},
      {"an error", response(404, {{"Cache-Control", "max-age=9999"}}), Verdict::kKeep, 10},
      {"an error of the server", response(503, {}), Verdict::kKeep, 10},
      {"no-store stays", response(200, {{"Cache-Control", "no-store"}}), Verdict::kPass, 0},
      {"private stays", response(200, {{"Cache-Control", "private, max-age=60"}}), Verdict::kPass,
       0},
      {"Vary: * stays", response(200, {{"Vary", "*"}}), Verdict::kPass, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    const Admission admission = admit(get({}), {}, row.response, rules, {kNow, kNow}, false);
    CHECK(admission.verdict == row.verdict);
    if (admission.verdict != Verdict::kKeep) continue;
    CHECK(admission.freshness.ttl(kNow) == Seconds{row.ttl});
    CHECK(admission.freshness.source == LifetimeSource::kSiteRule);
  }
}

TEST_CASE("a lifetime of one kind does not touch the other") {
  Rules rules;
  rules.ttl = Seconds{600};
  const auto error = response(500, {});
  CHECK(admit(get({}), {}, error, rules, {kNow, kNow}, false).verdict == Verdict::kPass);
}

}  // namespace
}  // namespace weir::policy
