#include "base/durations.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("a time goes into the first bucket whose bound it does not exceed") {
  struct Row {
    Duration time;
    std::size_t bucket;
  };
  const Row rows[] = {{-1s, 0}, {0ns, 0}, {500us, 0},     {500'001ns, 1}, {1ms, 1},
                      {3s, 12}, {2h, 19}, {2h + 1ns, 20}, {24h * 365, 20}};
  for (const Row& row : rows) {
    Durations d;
    d.add(row.time);
    CAPTURE(row.time.count());
    for (std::size_t i = 0; i < Durations::kBuckets; ++i) {
      CHECK(d.bucket(i) == (i == row.bucket ? 1 : 0));
    }
    CHECK(d.count() == 1);
    CHECK(d.sum() == std::max(row.time, Duration(0)));
  }
}

TEST_CASE("bounds rise") {
  for (std::size_t i = 1; i < Durations::kBounds.size(); ++i) {
    CHECK(Durations::kBounds[i - 1] < Durations::kBounds[i]);
  }
}

TEST_CASE("merging adds bucket by bucket") {
  Durations a;
  Durations b;
  a.add(1ms);
  b.add(1ms);
  b.add(1min);
  a.merge(b);
  CHECK(a.bucket(1) == 2);
  CHECK(a.count() == 3);
  CHECK(a.sum() == 60'002ms);
  CHECK(b.count() == 2);
}

TEST_CASE("a share of all times is told by the bound it stays within") {
  Durations d;
  CHECK(d.at_most(0.5) == 0s);
  for (int i = 0; i < 98; ++i) d.add(2ms);
  d.add(3s);
  d.add(24h);
  CHECK(d.at_most(0.5) == 2500us);
  CHECK(d.at_most(0.98) == 2500us);
  CHECK(d.at_most(0.99) == 5s);
  CHECK(d.at_most(1) == 2h);
}

TEST_CASE("a count that was taken begins anew") {
  Count c;
  c.add();
  c.add(4);
  c.raise(3);
  CHECK(c.get() == 5);
  c.raise(9);
  CHECK(c.take() == 9);
  CHECK(c.get() == 0);
}
