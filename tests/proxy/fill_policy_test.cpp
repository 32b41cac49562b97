#include "proxy/fill_policy.h"

#include <doctest/doctest.h>

namespace weir::proxy {
namespace {

TEST_CASE("a fetch that nobody reads is finished for the cache alone, and if it is worth it") {
  struct Row {
    FillState state;
    Finish finish;
    bool verdict;
    std::string_view reason;
  };
  const Row rows[] = {
      {{.kept = false, .received = 5, .total = 10}, Finish::kAuto, false, "not_kept"},
      {{.kept = false, .received = 5, .total = 10}, Finish::kAlways, false, "not_kept"},
      {{.kept = true, .part = true, .received = 5, .total = 10}, Finish::kAuto, false, "part"},
      {{.kept = true, .received = 5, .total = 10}, Finish::kAuto, true, "little_left"},
      {{.kept = true, .received = 500, .total = 1000}, Finish::kAuto, true, "mostly_done"},
      {{.kept = true, .received = 499, .total = 1000}, Finish::kAuto, false, "much_left"},
      {{.kept = true, .received = 900, .total = 1000}, Finish::kAuto, true, "little_left"},
      {{.kept = true, .received = 5, .total = 1001}, Finish::kAuto, false, "larger_than_store"},
      {{.kept = true, .received = 5, .total = 1001}, Finish::kAlways, false, "larger_than_store"},
      {{.kept = true, .received = 5, .total = {}}, Finish::kAuto, true, "length_unknown"},
      {{.kept = true, .received = 101, .total = {}}, Finish::kAuto, false, "much_without_length"},
      {{.kept = true, .received = 1001, .total = {}}, Finish::kAuto, false, "larger_than_store"},
      {{.kept = true, .received = 5, .total = 1000}, Finish::kAlways, true, "always"},
      {{.kept = true, .received = 999, .total = 1000}, Finish::kNever, false, "never"},
  };
  for (const Row& row : rows) {
    FillState state = row.state;
    state.keep_limit = 1000;
    const auto verdict = worth_finishing(state, {.finish = row.finish, .finish_max = 100});
    CHECK(verdict.finish == row.verdict);
    CHECK(verdict.reason == row.reason);
  }
}

TEST_CASE("before its head has come a fetch goes on unless the conf forbids it") {
  CHECK(worth_awaiting({.finish = Finish::kAuto}).finish);
  CHECK(worth_awaiting({.finish = Finish::kAlways}).finish);
  CHECK(worth_awaiting({.finish = Finish::kNever}).reason == "never");
  CHECK_FALSE(worth_awaiting({.finish = Finish::kNever}).finish);
}

}  // namespace
}  // namespace weir::proxy
