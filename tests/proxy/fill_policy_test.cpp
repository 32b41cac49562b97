#include "proxy/fill_policy.h"

#include <doctest/doctest.h>

using weir::proxy::FillState;
using weir::proxy::worth_finishing;

TEST_CASE("a fetch that nobody reads is finished only for the cache, and only if it fits") {
  struct Row {
    FillState state;
    bool finish;
    std::string_view reason;
  };
  const Row rows[] = {
      {{.kept = false, .received = 5, .total = 10, .keep_limit = 100}, false, "not_kept"},
      {{.kept = true, .received = 5, .total = 10, .keep_limit = 100}, true, "cacheable"},
      {{.kept = true, .received = 5, .total = 100, .keep_limit = 100}, true, "cacheable"},
      {{.kept = true, .received = 5, .total = 101, .keep_limit = 100}, false, "larger_than_store"},
      {{.kept = true, .received = 5, .total = {}, .keep_limit = 100}, true, "cacheable"},
      {{.kept = true, .received = 101, .total = {}, .keep_limit = 100}, false, "larger_than_store"},
  };
  for (const Row& row : rows) {
    const auto verdict = worth_finishing(row.state);
    CHECK(verdict.finish == row.finish);
    CHECK(verdict.reason == row.reason);
  }
}
