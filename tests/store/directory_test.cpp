#include "store/directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace weir;
using namespace weir::store;

namespace {

constexpr Digest kKey{1, 2};
constexpr std::uint64_t kMiB = 1 << 20;

Place place(std::uint32_t disk, std::uint32_t region, std::uint32_t offset) {
  return {(disk << Place::kDiskShift) | region, offset, 10, 0};
}
Record object(std::uint64_t sequence, std::uint64_t body, std::uint64_t variant = 0) {
  return {RecordKind::kObject, false, 10, sequence, kKey, body, variant, 2 * kMiB};
}
Record chunk(std::uint64_t body, std::uint64_t index) {
  return {RecordKind::kChunk, false, 10, 0, kKey, body, index, 2 * kMiB};
}
Record tombstone(std::uint64_t sequence, std::uint64_t body) {
  return {RecordKind::kTombstone, false, 0, sequence, kKey, body, 0, 0};
}
std::vector<std::uint64_t> bodies(const Directory& d) {
  std::vector<std::uint64_t> out;
  d.each(kKey, [&](const StoredBody& b) { out.push_back(b.body); });
  std::ranges::sort(out);
  return out;
}
using Bodies = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("A body is whole when every chunk of its total is there") {
  StoredBody b;
  CHECK_FALSE(b.whole());  // nobody knows how long it is
  b.total = 0;
  CHECK(b.whole());
  b.total = 2 * kMiB + 1;
  for (const std::uint32_t index : {2u, 0u}) b.set_chunk(index, place(1, 1, index));
  CHECK_FALSE(b.whole());
  CHECK(b.run(0, 9) == 1);
  CHECK(b.next_chunk(1) == 2);
  b.set_chunk(1, place(1, 1, 1));
  CHECK(b.whole());
  CHECK(b.run(0, 9) == 3);
  CHECK(b.run(1, 1) == 1);
  b.remove_chunk(0);
  CHECK_FALSE(b.whole());
  CHECK(b.next_chunk(0) == 1);
  CHECK(b.next_chunk(3) == ~0u);
}

TEST_CASE("A body takes the place of another one of its variant, and of no other") {
  Directory d;
  std::vector<Directory::Dropped> dropped;
  d.put(kKey, 1, 100, 1, dropped);
  d.put(kKey, 2, 200, 1, dropped);
  CHECK(dropped.empty());
  d.put(kKey, 3, 100, 2, dropped);
  REQUIRE(dropped.size() == 1);
  CHECK(dropped[0].body == 1);
  CHECK(bodies(d) == Bodies{2, 3});
  CHECK(d.bodies() == 2);
  CHECK(d.keys() == 1);
  d.put(kKey, 3, 100, 2, dropped);  // described anew
  CHECK(d.bodies() == 2);
  CHECK(d.remove(kKey, 3));
  CHECK_FALSE(d.remove(kKey, 3));
  CHECK(bodies(d) == Bodies{2});
  CHECK(d.remove_key(kKey).size() == 1);
  CHECK(d.keys() == 0);
  CHECK(d.bodies() == 0);
}

TEST_CASE("Recovery: the newest description of a variant counts, whatever disk it is on") {
  for (const bool other_first : {false, true}) {
    CAPTURE(other_first);
    Directory d;
    if (other_first) d.recover_object(object(9, 2), place(2, 1, 64));
    d.recover_object(object(5, 1), place(1, 1, 64));
    if (!other_first) d.recover_object(object(9, 2), place(2, 1, 64));
    CHECK(bodies(d) == Bodies{2});
  }
}

TEST_CASE("Recovery: a tombstone names what stands before it on its disk") {
  struct Case {
    const char* what;
    Record stone;
    std::uint8_t disk;
    Bodies left;
  };
  for (const Case& c : {
           Case{"a body", tombstone(9, 1), 1, {2, 3}},
           Case{"all of the key", tombstone(9, 0), 1, {3}},
           Case{"before what it would name", tombstone(3, 1), 1, {1, 2, 3}},
           Case{"another disk's", tombstone(9, 1), 2, {1, 2, 3}},
       }) {
    CAPTURE(c.what);
    Directory d;
    d.recover_object(object(5, 1, 10), place(1, 1, 64));
    d.recover_object(object(6, 2, 20), place(1, 1, 164));
    d.recover_object(object(7, 3, 30), place(2, 1, 64));
    d.recover_tombstone(c.stone, c.disk);
    CHECK(bodies(d) == c.left);
  }
}

TEST_CASE("Recovery: chunks without a description, and descriptions without chunks, are nothing") {
  Directory d;
  d.recover_object(object(5, 1, 10), place(1, 1, 64));
  d.recover_object(object(6, 2, 20), place(1, 1, 164));
  d.recover_chunk(chunk(1, 1), place(1, 1, 264));
  d.recover_chunk(chunk(7, 0), place(1, 1, 364));
  d.remove_worthless();
  CHECK(bodies(d) == Bodies{1});
  CHECK(d.find(kKey, 1)->chunk(1)->offset == 264);
  CHECK_FALSE(d.find(kKey, 1)->whole());
}

TEST_CASE("A disk that is taken out takes its bodies along") {
  Directory d;
  d.recover_object(object(5, 1, 10), place(1, 1, 64));
  d.recover_object(object(6, 2, 20), place(2, 1, 64));
  d.recover_object({RecordKind::kObject, false, 10, 7, {9, 9}, 3, 0, 1}, place(1, 1, 164));
  d.remove_disk(1);
  CHECK(bodies(d) == Bodies{2});
  CHECK(d.keys() == 1);
}
