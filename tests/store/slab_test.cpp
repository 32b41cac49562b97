#include "store/slab.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <set>

using namespace weir::store;

namespace {
constexpr std::size_t K = 1024;
constexpr std::size_t M = 1024 * K;
}  // namespace

TEST_CASE("a slot has the pages of its size, and gives all of them back") {
  struct Case {
    std::size_t size;
    std::size_t bytes;
  } const cases[] = {
      {64 * K, 64 * K},
      {64 * K + 1, 68 * K},
      {128 * K, 128 * K},
      {200 * K, 200 * K},
      {700'000, 684 * K},
      {M - 1, M},
      {M, M},
  };
  for (const Case& c : cases) {
    for (const bool sent : {false, true}) {
      CAPTURE(c.size);
      Slabs slabs(4 * M);
      const auto slot = slabs.fresh(c.size);
      REQUIRE(slot);
      std::memset(slot->data, 7, c.size);
      CHECK(slabs.resident_bytes() == c.bytes);
      slabs.free(*slot, c.size, sent);
      CHECK(slabs.spare_bytes() == c.bytes);
      CHECK(slabs.resident_bytes() == c.bytes);
      CHECK(slabs.cool() == c.bytes);
      CHECK(slabs.cool() == 0);
      CHECK(slabs.spare_bytes() == 0);
      CHECK(slabs.resident_bytes() == 0);
    }
  }
}

TEST_CASE("file and mapping of a slot are the same bytes") {
  Slabs slabs(4 * M);
  const auto a = slabs.fresh(M);
  const auto b = slabs.fresh(M);
  std::memset(a->data, 'a', M);
  std::memset(b->data, 'b', M);
  char got[2] = {};
  CHECK(::pread(a->fd, &got[0], 1, static_cast<off_t>(a->offset + M - 1)) == 1);
  CHECK(::pread(b->fd, &got[1], 1, static_cast<off_t>(b->offset)) == 1);
  CHECK(got[0] == 'a');
  CHECK(got[1] == 'b');
  slabs.free(*a, M, false);
  slabs.free(*b, M, false);
}

TEST_CASE("only a full slot that was never sent as a file is written again as it is") {
  struct Case {
    std::size_t size;
    bool sent;
    bool reused;
  } const cases[] = {
      {M, false, true},      {M, true, false},      {700 * K, false, false},
      {64 * K, false, true}, {64 * K, true, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.size);
    CAPTURE(c.sent);
    Slabs slabs(4 * M);
    const auto slot = slabs.fresh(c.size);
    std::memset(slot->data, 7, c.size);
    slabs.free(*slot, c.size, c.sent);
    const auto again = slabs.reuse(c.size);
    CHECK(again.has_value() == c.reused);
    if (!again) {
      slabs.cool();
      const auto punched = slabs.fresh(c.size);  // the same place, new pages
      CHECK(punched->data == slot->data);
      CHECK(punched->data[0] == std::byte{0});
    }
  }
}

TEST_CASE("slots in use never overlap") {
  Slabs slabs(2 * M);
  std::set<std::pair<int, std::uint64_t>> places;
  for (int i = 0; i < 5; ++i) {
    for (const std::size_t size : {64 * K, 128 * K, M}) {
      const auto slot = slabs.fresh(size);
      REQUIRE(slot);
      for (std::uint64_t at = 0; at < size; at += 64 * K) {
        CHECK(places.emplace(slot->fd, slot->offset + at).second);
      }
    }
  }
}
