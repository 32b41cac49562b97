#include "cache/hit_for_miss.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::cache;

namespace {

constexpr WallTime kNow{1'000'000s};

Digest key(int i) { return digest(std::to_string(i)); }

}  // namespace

TEST_CASE("a mark stands until its time, for its key") {
  HitForMiss marks;
  CHECK_FALSE(marks.stands(key(1), false, kNow));
  marks.set(key(1), Whom::kEveryone, kNow + 120s);
  CHECK(marks.stands(key(1), false, kNow + 119s));
  CHECK(marks.stands(key(1), true, kNow));
  CHECK_FALSE(marks.stands(key(1), false, kNow + 120s));
  CHECK_FALSE(marks.stands(key(2), false, kNow));
  marks.set(key(1), Whom::kEveryone, kNow + 240s);
  CHECK(marks.stands(key(1), false, kNow + 120s));
  marks.clear(key(1), Whom::kEveryone);
  CHECK_FALSE(marks.stands(key(1), false, kNow));
}

TEST_CASE("a mark for those with Authorization lets no one else pass") {
  HitForMiss marks;
  marks.set(key(1), Whom::kAuthorized, kNow + 120s);
  CHECK(marks.stands(key(1), true, kNow));
  CHECK_FALSE(marks.stands(key(1), false, kNow));
  marks.clear(key(1), Whom::kEveryone);
  CHECK(marks.stands(key(1), true, kNow));
}

TEST_CASE("however many keys are marked, so many are held and the latest are among them") {
  HitForMiss marks;
  constexpr int kKeys = 100'000;
  for (int i = 0; i < kKeys; ++i) marks.set(key(i), Whom::kEveryone, kNow + 1s * (i / 1000));
  std::size_t standing = 0;
  for (int i = 0; i < kKeys; ++i) standing += marks.stands(key(i), false, kNow) ? 1 : 0;
  CHECK(standing <= HitForMiss::kMost);
  CHECK(standing > HitForMiss::kMost / 2);
  CHECK(marks.stands(key(kKeys - 1), false, kNow));
}
