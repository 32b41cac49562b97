#include "proxy/hole_fill.h"

#include <doctest/doctest.h>

#include "body/chunk.h"
#include "store/memory_store.h"

using namespace weir;
using namespace weir::proxy;

namespace {

constexpr std::uint64_t kMiB = body::kChunkSize;

}  // namespace

TEST_CASE("A hole is fetched twice in vain, and anew when its reader got on") {
  HoleTries tries;
  tries.at(0);
  CHECK(tries.may_fetch());
  tries.fetched();
  tries.at(100);  // a little came
  CHECK(tries.may_fetch());
  tries.fetched();
  tries.at(kMiB - 1);
  CHECK_FALSE(tries.may_fetch());
  tries.at(3 * kMiB);
  CHECK(tries.may_fetch());
  tries.fetched();
  tries.at(0);  // back: another place
  CHECK(tries.may_fetch());
}

TEST_CASE("A disk is asked often for the same place, but not for ever") {
  HoleTries tries;
  int asked = 0;
  for (tries.at(5); tries.may_read() && asked < 1000; tries.at(5)) {
    tries.read();
    ++asked;
  }
  CHECK(asked == 64);
  CHECK(tries.may_fetch());  // what the disk does not have the origin may
  tries.at(9 * kMiB);
  CHECK(tries.may_read());
}

TEST_CASE("A fetch of a hole goes as far as is read, and piece by piece where the store is small") {
  store::MemoryStore store{{.limit = 16 << 20}, {}};
  cache::ObjectParts parts;
  parts.body = store.create({.total = 100 * kMiB, .refillable = true});
  const auto object = make_ref<cache::Object>(std::move(parts));
  const struct {
    std::uint64_t keep_limit;
    body::Hole hole;
    std::optional<std::uint64_t> last;
    std::uint64_t first, end;
  } cases[] = {
      {1000 * kMiB, {0, 100 * kMiB}, {}, 0, 100 * kMiB},
      {1000 * kMiB, {5 * kMiB + 7, 9 * kMiB}, {}, 5 * kMiB + 7, 9 * kMiB},
      {1000 * kMiB, {0, 100 * kMiB}, 10, 0, kMiB},  // to the end of a chunk
      {1000 * kMiB, {0, 100 * kMiB}, kMiB, 0, 2 * kMiB},
      {1000 * kMiB, {0, kMiB}, 7 * kMiB, 0, kMiB},  // no further than the hole
      {50 * kMiB, {3, 100 * kMiB}, {}, 3, 3 + 32 * kMiB},
      {50 * kMiB, {90 * kMiB, 100 * kMiB}, {}, 90 * kMiB, 100 * kMiB},
  };
  for (const auto& c : cases) {
    FetchPlan plan;
    HoleFill::aim(plan, c.keep_limit, object, c.hole, c.last);
    CHECK(plan.object == object);
    CHECK(plan.first == c.first);
    CHECK(plan.end == c.end);
  }
}
