#include "store/ghost.h"

#include <doctest/doctest.h>

using weir::store::Ghost;

TEST_CASE("a ghost remembers for as many bytes as it was told") {
  Ghost ghost(1000, 64);
  CHECK_FALSE(ghost.contains(7));
  ghost.add(7, 10);
  CHECK(ghost.contains(7));
  ghost.add(1, 1000);
  CHECK(ghost.contains(7));
  ghost.add(2, 1);
  CHECK_FALSE(ghost.contains(7));
  CHECK(ghost.contains(1));
  ghost.add(7, 1);  // back again
  CHECK(ghost.contains(7));
}

TEST_CASE("the fingerprint 0 is one like all others") {
  Ghost ghost(1000, 64);
  CHECK_FALSE(ghost.contains(0));
  ghost.add(0, 1);
  CHECK(ghost.contains(0));
}

TEST_CASE("a full bucket forgets its oldest") {
  Ghost ghost(1'000'000, 8);  // one bucket of eight
  for (std::uint32_t i = 1; i <= 9; ++i) ghost.add(i, 1);
  CHECK_FALSE(ghost.contains(1));
  for (std::uint32_t i = 2; i <= 9; ++i) CHECK(ghost.contains(i));
}

TEST_CASE("spans beyond 32 bits are measured in larger steps") {
  const std::uint64_t span = std::uint64_t{1} << 40;
  Ghost ghost(span, 1024);
  ghost.add(5, 1 << 20);
  ghost.add(6, span - (1 << 20));
  CHECK(ghost.contains(5));
  ghost.add(7, 4 << 20);
  CHECK_FALSE(ghost.contains(5));
  CHECK(ghost.contains(6));
}
