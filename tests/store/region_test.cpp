#include "store/region.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "support/memory_files.h"

using namespace weir;
using namespace weir::store;

namespace {

// A region with records of these payloads.
struct Bench {
  test::MemoryFiles files;
  const std::string path = "d/region-00000001";
  std::vector<Entry> entries;
  std::vector<std::string> payloads;

  explicit Bench(std::vector<std::string> with, bool sealed) : payloads(std::move(with)) {
    const auto region = *make_region(files, path, {1, 42, 7}, 0);
    for (const std::string& text : payloads) {
      Record r;
      r.kind = RecordKind::kChunk;
      r.sequence = entries.size() + 1;
      r.length = static_cast<std::uint32_t>(text.size());
      RecordHeader header;
      const Bytes payload = std::as_bytes(std::span(text));
      encode(r, checksum(payload), region->salt(), header);
      const std::string pad(record_bytes(text.size()) - kRecordHeaderBytes - text.size(), '\0');
      const Bytes pieces[] = {header, payload, std::as_bytes(std::span(pad))};
      REQUIRE(write_all(region->file(), pieces, region->end()));
      entries.push_back({r, static_cast<std::uint32_t>(region->end())});
      region->set_end(region->end() + record_bytes(text.size()));
    }
    if (sealed) REQUIRE(region->seal(entries));
  }

  Ref<Region> open() { return *open_region(files, path, FileSystem::Open::kWrite); }
  Survey look(bool verify = false) { return *survey(*open(), verify); }
  // Every entry found is one of ours, in order, and its payload reads as it was written.
  void check_all_right(const Survey& found) {
    auto region = open();
    for (const Entry& e : found.entries) {
      REQUIRE(e.record.sequence - 1 < payloads.size());
      std::string text(e.record.length, '?');
      if (read_record(*region, e.offset, std::as_writable_bytes(std::span(text)))) {
        CHECK(text == payloads[e.record.sequence - 1]);
      }
    }
  }
};

const std::vector<std::string> kSome = {"one", std::string(300, 'x'), "", "four four four"};

}  // namespace

TEST_CASE("A sealed region is known by its contents, an open one by a scan: the same records") {
  for (const bool sealed : {false, true}) {
    CAPTURE(sealed);
    Bench b(kSome, sealed);
    for (const bool verify : {false, true}) {
      const Survey found = b.look(verify);
      CHECK(found.sealed == sealed);
      CHECK(found.torn == 0);
      CHECK(found.damaged == 0);
      REQUIRE(found.entries.size() == kSome.size());
      for (std::size_t i = 0; i < kSome.size(); ++i) {
        CHECK(found.entries[i].record == b.entries[i].record);
        CHECK(found.entries[i].offset == b.entries[i].offset);
      }
    }
  }
}

TEST_CASE("A region cut anywhere keeps the records before the cut, and nothing else") {
  const Bench whole(kSome, true);
  const std::size_t size = Bench(kSome, true).files.content(whole.path).size();
  for (std::size_t cut = kRegionHeaderBytes; cut < size; ++cut) {
    Bench b(kSome, true);
    b.files.content(b.path).resize(cut);
    const Survey found = b.look();
    std::size_t expected = 0;
    for (const Entry& e : b.entries) {
      // What is cut of the padding is not missed.
      if (e.offset + kRecordHeaderBytes + e.record.length <= cut) ++expected;
    }
    if (found.entries.size() != expected) FAIL_CHECK("cut at ", cut);
    b.check_all_right(found);
  }
}

TEST_CASE("A flipped bit anywhere costs at most its record, and is never served") {
  for (const bool sealed : {false, true}) {
    CAPTURE(sealed);
    Bench b(kSome, sealed);
    const std::size_t bits = b.files.content(b.path).size() * 8;
    for (std::size_t bit = kRegionHeaderBytes * 8; bit < bits; ++bit) {
      b.files.flip(b.path, bit);
      const Survey found = b.look(true);
      if (found.entries.size() + 1 < kSome.size()) FAIL_CHECK("bit ", bit);
      b.check_all_right(found);
      b.check_all_right(b.look(false));
      b.files.flip(b.path, bit);
    }
  }
}

TEST_CASE("What is no region of this version is not opened") {
  Bench b(kSome, true);
  b.files.flip(b.path, 8 * 8);
  const auto opened = open_region(b.files, b.path, FileSystem::Open::kRead);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().sys == EINVAL);
}

TEST_CASE("Names of regions are read as strictly as they are written") {
  CHECK(region_name(42) == "region-0000002a");
  CHECK(region_id("region-0000002a") == 42);
  for (const char* name : {"", "region-", "region-2a", "region-0000002g", "region-0000002a0",
                           "Region-0000002a", "region-0000002a~", "lock"}) {
    CAPTURE(name);
    CHECK(region_id(name) == 0);
  }
}

TEST_CASE("Writes that take little at a time are gone on with") {
  test::MemoryFiles files;
  files.set({.write_most = 3});
  const auto file = *files.open("a", FileSystem::Open::kCreate);
  const std::string one = "Hello, ", two, three = "world";
  const Bytes pieces[] = {std::as_bytes(std::span(one)), std::as_bytes(std::span(two)),
                          std::as_bytes(std::span(three))};
  REQUIRE(write_all(*file, pieces, 0));
  std::string back(12, '?');
  REQUIRE(read_all(*file, std::as_writable_bytes(std::span(back)), 0));
  CHECK(back == "Hello, world");
  const auto beyond = read_all(*file, std::as_writable_bytes(std::span(back)), 1);
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().sys == EIO);
}
