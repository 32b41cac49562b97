// What a disk may not bring back: it was away, it could not write, or it could not be told.
#include <doctest/doctest.h>

#include <cerrno>

#include "base/log.h"
#include "disk_bench.h"

using namespace weir;
using namespace weir::store;

namespace {

// What the store says, while it lives.
struct Said {
  Said() {
    lines().clear();
    set_log_sink([](LogLevel, std::string_view line) { lines().emplace_back(line); },
                 LogLevel::kWarn);
  }
  ~Said() { set_log_sink(nullptr, LogLevel::kError); }
  static std::vector<std::string>& lines() {
    static std::vector<std::string> all;
    return all;
  }
  static auto count(std::string_view part) {
    return std::ranges::count_if(
        lines(), [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
};

// Which of two disks has the key.
std::string disk_of(DiskBench& b, int n) {
  b.store->stop();
  for (const std::string& name : b.files.names()) {
    if (name.find("/region") == std::string::npos) continue;
    const auto region = open_region(b.files, name, FileSystem::Open::kRead);
    REQUIRE(region);
    const auto found = survey(**region, true);
    REQUIRE(found);
    for (const Entry& e : found->entries) {
      if (e.record.key == key_of(n)) return name.substr(0, 5);
    }
  }
  return "none";
}

std::size_t regions(DiskBench& b, const std::string& disk) {
  std::size_t n = 0;
  for (const std::string& name : b.files.names()) n += name.starts_with(disk + "/region") ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("A disk that missed a run of the others begins empty when it is back") {
  DiskBench b(64 << 20, 2);
  for (int n = 0; n < 20; ++n) b.keep(n, 1);
  b.store->flush();
  const DiskStore::Settings both = b.settings;
  b.settings.disks.pop_back();
  b.open();
  const std::uint64_t left = b.store->stats().bodies;
  CHECK(left > 0);
  CHECK(left < 20);
  b.settings = both;
  b.open();
  CHECK(b.store->in_use());
  CHECK(b.store->stats().bodies == left);
  CHECK(regions(b, "disk1") == 0);
  b.open();  // both were there: nothing is missed any more
  CHECK(b.store->stats().bodies == left);
  CHECK_FALSE(b.store->unsafe());
}

TEST_CASE("A disk that is left out at a start, and could not be told so, is known by the others") {
  DiskBench b(64 << 20, 2);
  for (int n = 0; n < 20; ++n) b.keep(n, 1);
  b.store->flush();
  b.store->stop();
  b.files.set({.open_error = EROFS, .list_error = EIO, .only = "disk1"});
  b.open();
  CHECK_FALSE(b.store->unsafe());
  const std::uint64_t left = b.store->stats().bodies;
  CHECK(left < 20);
  b.files.set({});
  b.open();
  CHECK(b.store->stats().bodies == left);
}

TEST_CASE("The only disk that cannot be used is told, or Weir must not start") {
  DiskBench b;
  b.keep(1, 1);
  b.store->flush();
  b.store->stop();
  SUBCASE("told") {
    b.files.set({.list_error = EIO});
    b.open();
    CHECK_FALSE(b.store->in_use());
    CHECK_FALSE(b.store->unsafe());
    CHECK(why_unusable({Errc::kSystem, EWOULDBLOCK}) == "another process uses it");
    b.files.set({});
    b.open();
    CHECK(b.look(1).empty());
    CHECK(b.store->in_use());
  }
  SUBCASE("not told") {
    b.files.set({.open_error = EROFS, .list_error = EIO});
    const Said said;
    b.open();
    CHECK(Said::count("disk=disk0 cannot be used: ") == 1);
    CHECK(Said::count("goes on") == 0);
    CHECK_FALSE(b.store->in_use());
    REQUIRE(b.store->unsafe());
    CHECK(b.store->unsafe()->sys == EIO);
  }
}

TEST_CASE("One that fails and takes no mark is told later, or known by the others") {
  DiskBench b(64 << 20, 2);
  for (int n = 0; n < 20; ++n) b.keep(n, 1);
  b.store->flush();
  b.files.set({.write_error = EIO, .open_error = EROFS, .only = "disk0"});
  for (int n = 0; n < 20; ++n) b.keep(n, 2);
  b.store->flush();
  b.store->stop();
  b.files.set({});
  b.open();
  CHECK(regions(b, "disk0") == 0);
  for (int n = 0; n < 20; ++n) {
    for (const StoredObject& o : b.look(n)) CHECK(o.description.ends_with("2"));
  }
}

TEST_CASE("What is replaced does not come back when its replacement was never written") {
  DiskBench b;
  b.keep(1, 1);
  b.store->flush();
  for (int round = 0; round < 50; ++round) {
    const auto body = b.store->create_body(key_of(1));
    b.store->put_object(*body, 1, true, 1000, "later");
    b.store->drop(key_of(1), body->body());
  }
  b.store->flush();
  CHECK(b.look(1).empty());
  b.open();
  CHECK(b.look(1).empty());
}

TEST_CASE("Tombstones wait for room; so do they for descriptors") {
  for (const int error : {ENOSPC, EDQUOT, EMFILE}) {
    CAPTURE(error);
    DiskBench b;
    for (int n = 0; n < 8; ++n) b.keep(n, 1, 1, 500'000);
    b.store->flush();
    const Ref<DiskBody> other = b.store->create_body(key_of(99));
    b.files.set({.write_error = error});
    b.store->drop(key_of(1), b.look(1)[0].body);
    b.store->put_object(*other, 1, true, 1000, "not stored");
    for (int i = 0; i < 500 && b.store->stats().dirty > kRecordHeaderBytes; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(b.store->in_use());
    b.files.set({});
    b.store->flush();
    // A full disk gives up all it can; that no file can be opened is no reason to.
    const bool stays = error == EMFILE;
    CHECK(b.look(1).empty());
    CHECK(b.right(2, 1, 0, 500'000) == stays);
    b.open();
    CHECK(b.look(1).empty());
    CHECK(b.look(99).empty());
    CHECK(b.right(2, 1, 0, 500'000) == stays);
  }
}

TEST_CASE("On a file system smaller than its size a disk is a smaller one, and says so") {
  DiskBench b;
  b.files.set({.size = 24 << 20});
  std::atomic<int> minutes{1};
  b.settings.now = [&] { return TimePoint(std::chrono::minutes(minutes)); };
  const Said said;
  b.open();
  CHECK(Said::count("disk=disk0 has size=67108864, but its file system has room for") == 1);
  for (int n = 0; n < 36; ++n) {
    b.keep(n, 1, 1, 1'000'000);
    b.store->flush();
    // What is read again and again is written forward, on a disk that is full, too.
    CHECK(b.right(0, 1, 0, 1'000'000));
  }
  const DiskStats stats = b.store->stats();
  CHECK(stats.unwritten_chunks == 0);
  CHECK(stats.disks[0].refused > 2);
  CHECK(stats.disks[0].regions >= 4);
  CHECK(b.right(33, 1, 0, 1'000'000));
  CHECK(b.right(35, 1, 0, 1'000'000));
  CHECK(Said::count("disk=disk0 is full: its file system") == 1);
  ++minutes;
  for (int n = 36; n < 46; ++n) b.keep(n, 1, 1, 1'000'000);
  b.store->flush();
  CHECK(Said::count("disk=disk0 is full: its file system") == 2);
  // Once there is room the disk grows.
  b.files.set({});
  for (int n = 46; n < 76; ++n) b.keep(n, 1, 1, 1'000'000);
  b.store->flush();
  CHECK(b.store->stats().disks[0].used > 30 << 20);
}

TEST_CASE("Where giving regions up brings no room, the others stay") {
  for (const bool known : {false, true}) {
    CAPTURE(known);
    DiskBench b;
    for (int n = 0; n < 27; ++n) b.keep(n, 1, 1, 1'000'000);
    b.store->flush();
    const std::uint64_t before = b.store->stats().disks[0].regions;
    b.files.set({.size = known ? 0 : UINT64_MAX, .open_error = ENOSPC});
    const Said said;
    for (int n = 27; n < 36; ++n) {
      b.keep(n, 1, 1, 1'000'000);
      if (n % 3 != 2) continue;
      // Not flush(): tombstones wait for room.
      for (int i = 0; i < 500 && b.store->stats().dirty > 100'000; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(b.store->in_use());
    CHECK(b.store->stats().disks[0].refused > 1);
    CHECK(b.store->stats().disks[0].regions + 6 >= before);
    CHECK(b.right(26, 1, 0, 1'000'000));
    CHECK(Said::count("disk=disk0 is full: its file system") == 1);
    b.files.set({});
    b.keep(60, 1, 1, 1'000'000);
    b.store->flush();
    CHECK(b.right(60, 1, 0, 1'000'000));
  }
}

TEST_CASE("A disk that ends before its tombstones could be written begins empty") {
  DiskBench b;
  b.keep(1, 1);
  b.keep(2, 1);
  b.store->flush();
  const std::uint64_t body = b.look(1)[0].body;
  b.files.set({.write_error = ENOSPC});
  b.store->drop(key_of(1), body);
  b.store->stop();
  b.files.set({});
  b.open();
  CHECK(b.look(1).empty());
  CHECK(b.store->stats().bodies == 0);
}

TEST_CASE("A region that cannot be removed would bring back what was in it: the disk goes") {
  DiskBench b(32 << 20);
  b.keep(0, 1, 1, 500'000);
  b.store->flush();
  b.files.set({.remove_error = EROFS});
  for (int n = 1; n < 100 && b.store->in_use(); ++n) {
    b.keep(n, 1, 1, 500'000);
    b.store->flush();
  }
  CHECK_FALSE(b.store->in_use());
  b.store->stop();
  b.files.set({});
  b.open();
  CHECK(b.store->stats().bodies == 0);
}

TEST_CASE("With a region that cannot be read all older ones go: their tombstones may be in it") {
  DiskBench b;
  for (int n = 0; n < 30; ++n) b.keep(n, 1, 1, 500'000);
  b.store->flush();
  b.store->stop();
  REQUIRE(regions(b, "disk0") == 4);
  SUBCASE("its header is damaged") { b.files.flip("disk0/region-00000002", 20 * 8); }
  SUBCASE("the kernel says so") {
    b.files.set({.read_error = EIO, .only = "disk0/region-00000002"});
  }
  b.open();
  b.files.set({});
  CHECK(b.store->in_use());
  CHECK(regions(b, "disk0") == 2);
  CHECK(b.look(0).empty());
  CHECK(b.right(29, 1, 0, 500'000));
}

TEST_CASE("A disk whose reads fail again and again is taken out") {
  DiskBench b;
  for (int n = 0; n < 40; ++n) b.keep(n, 1);
  b.store->flush();
  std::vector<std::uint64_t> bodies;
  for (int n = 0; n < 40; ++n) bodies.push_back(b.look(n)[0].body);
  b.files.set({.read_error = EIO});
  for (int n = 0; n < 40 && b.store->in_use(); ++n)
    CHECK_FALSE(b.read(n, bodies[static_cast<std::size_t>(n)], 0, 1000));
  CHECK_FALSE(b.store->in_use());
  CHECK(b.store->stats().read_errors == 32);
}

TEST_CASE("A key has a bounded number of variants on disk, and all its records one disk") {
  DiskBench b(64 << 20, 2);
  for (std::uint64_t v = 0; v < 100; ++v) {
    const auto body = b.store->create_body(key_of(1));
    b.store->put_object(*body, v, true, 1000, fmt::format("variant {}", v));
    b.offer(*body, 1, 1, 0, 1000, 1000);
  }
  b.store->flush();
  CHECK(b.store->bodies(key_of(1)).all == Directory::kBodiesMost);
  CHECK(b.look(1).size() == Directory::kBodiesMost);
  CHECK(b.look(1)[0].description == "variant 99");
  b.open();
  CHECK(b.look(1).size() == Directory::kBodiesMost);
  CHECK(b.look(1).back().description == "variant 36");
  CHECK(disk_of(b, 1) != "none");
}

TEST_CASE("Room is made for somebody else by giving up what is oldest") {
  DiskBench b;
  CHECK_FALSE(b.store->make_room("disk0"));
  for (int n = 0; n < 30; ++n) b.keep(n, 1, 1, 500'000);
  b.store->flush();
  const std::uint64_t before = b.store->stats().disks[0].regions;
  CHECK(b.store->make_room("disk0"));
  CHECK(b.store->stats().disks[0].regions == before - 1);
  CHECK(b.look(0).empty());
  CHECK(b.right(29, 1, 0, 500'000));
  CHECK_FALSE(b.store->make_room("elsewhere"));
}

TEST_CASE(
    "Where memory for what is known is used up, the oldest objects go, and disks stay unfilled") {
  DiskBench b(256 << 20);
  b.settings.index_max = 100'000;
  b.open();
  for (int n = 0; n < 3000; ++n) {
    b.keep(n, 1, 1, 10'000);
    if (n % 100 == 0) b.store->flush();
  }
  b.store->flush();
  const DiskStats stats = b.store->stats();
  CHECK(stats.index_bytes < 150'000);  // what is in the open region cannot go
  CHECK(stats.disks[0].used < 64 << 20);
  CHECK(b.look(0).empty());
  CHECK(b.right(2999, 1, 0, 10'000));
}
