#include "front/stats.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::front;

TEST_CASE("merging adds every number of the workers") {
  Stats sum;
  for (const std::uint64_t n : {1U, 10U}) {
    Stats worker;
    worker.accepted.add(n);
    worker.closed.back().add(2 * n);
    worker.open.back().set(3 * n);
    worker.refused.back().add(4 * n);
    worker.sent_bytes.add(5 * n);
    worker.acked_bytes.add(6 * n);
    sum.merge(worker);
  }
  CHECK(sum.accepted.get() == 11);
  CHECK(sum.closed.back().get() == 22);
  CHECK(sum.closed.front().get() == 0);
  CHECK(sum.open.back().get() == 33);
  CHECK(sum.refused.back().get() == 44);
  CHECK(sum.sent_bytes.get() == 55);
  CHECK(sum.acked_bytes.get() == 66);
}
