#include "delivery/pressure.h"

#include <doctest/doctest.h>

#include <vector>

using namespace std::chrono_literals;
using namespace weir::delivery;

namespace {

std::vector<std::uint64_t> victims(std::vector<Holder> holders, const Need& need) {
  const std::size_t count = choose_victims(holders, need);
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(holders[i].id);
  return ids;
}

const std::vector<Holder> kCrowd = {
    {.id = 1, .bytes_held = 1'000'000, .standstill = 10s, .progressing = false},
    {.id = 2, .bytes_held = 100'000, .standstill = 200s, .progressing = false},
    {.id = 3, .bytes_held = 900'000'000, .standstill = 4s, .progressing = true},
    {.id = 4, .bytes_held = 200'000, .standstill = 30s, .progressing = false},
    {.id = 5, .bytes_held = 0, .standstill = 60s, .progressing = false},
};

using Ids = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("the worst by bytes held x standstill go first, and only as many as needed") {
  CHECK(victims(kCrowd, {.bytes = 1}) == Ids{2});
  CHECK(victims(kCrowd, {.bytes = 100'000}) == Ids{2});
  CHECK(victims(kCrowd, {.bytes = 100'001}) == Ids{2, 1});
  CHECK(victims(kCrowd, {.bytes = 1'200'000}) == Ids{2, 1, 4});
}

TEST_CASE("one that progresses is never taken, however much is needed") {
  CHECK(victims(kCrowd, {.bytes = 1'000'000'000}) == Ids{2, 1, 4, 5});
  CHECK(victims(kCrowd, {.connections = 5}) == Ids{2, 1, 4, 5});
}

TEST_CASE("descriptors are a need of their own") {
  CHECK(victims(kCrowd, {.connections = 2}) == Ids{2, 1});
  CHECK(victims(kCrowd, {.bytes = 1'200'000, .connections = 1}) == Ids{2, 1, 4});
}

TEST_CASE("without need or holders nobody goes") {
  CHECK(victims(kCrowd, {}).empty());
  CHECK(victims({}, {.bytes = 1}).empty());
}
