#include "delivery/allowance.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using weir::delivery::Allowance;

TEST_CASE("an allowance is spent by time, bought back by bytes and never more than full") {
  Allowance a;
  a.fill(10s);
  a.spend(4s);
  CHECK(a.left() == 6s);
  a.earn(2000, 1000, 10s);
  CHECK(a.left() == 8s);
  a.earn(1'000'000'000'000'000'000, 1000, 10s);
  CHECK(a.left() == 10s);
  a.spend(10s);
  CHECK(a.spent());
}

TEST_CASE("at rate 0 any byte fills an allowance and none leaves it") {
  Allowance a;
  a.fill(10s);
  a.spend(9s);
  a.earn(0, 0, 10s);
  CHECK(a.left() == 1s);
  a.earn(1, 0, 10s);
  CHECK(a.left() == 10s);
}
