#include "delivery/close_reason.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace weir::delivery;

TEST_CASE("reasons have snake-case names") {
  CHECK(name(CloseReason::kOpen) == "open");
  CHECK(name(CloseReason::kZeroWindow) == "zero_window");
  CHECK(name(CloseReason::kStalledHalfClosed) == "stalled_half_closed");
  CHECK(name(CloseReason::kResetByClient) == "reset_by_client");
}

TEST_CASE("every reason has a code of its own, a text and advice") {
  std::set<std::string> codes;
  std::set<std::string> names;
  for (std::size_t i = 0; i < kCloseReasons; ++i) {
    const CloseInfo& row = info(static_cast<CloseReason>(i));
    CAPTURE(std::string(row.name));
    CHECK(row.code.size() == 2);
    CHECK(codes.emplace(row.code).second);
    CHECK(names.emplace(row.name).second);
    CHECK_FALSE(row.text.empty());
    CHECK(row.advice.ends_with('.'));
  }
}
