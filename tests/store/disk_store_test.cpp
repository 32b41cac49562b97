#include "store/disk_store.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <random>
#include <set>

#include "disk_bench.h"

using namespace weir;
using namespace weir::store;

TEST_CASE("What was put and offered can be read, before and after a start") {
  DiskBench b;
  b.keep(1, 1);
  b.keep(2, 1, 3, body::kChunkSize);
  b.store->flush();
  for (int start = 0; start < 3; ++start) {
    CAPTURE(start);
    CHECK(b.right(1, 1));
    for (const std::uint32_t i : {0u, 1u, 2u}) CHECK(b.right(2, 1, i, body::kChunkSize));
    CHECK(b.look(1)[0].whole);
    CHECK(b.look(2)[0].whole);
    CHECK(b.look(2)[0].refillable);
    CHECK(b.look(2)[0].total == 3 * body::kChunkSize);
    CHECK(b.look(3).empty());
    b.open();
  }
  CHECK(b.store->stats().damaged == 0);
}

TEST_CASE("A start after a kill without warning finds all that was flushed") {
  DiskBench b;
  for (int n = 0; n < 50; ++n) b.keep(n, 1, 1, 100'000);
  b.store->flush();
  b.files.set({.die_after = 0});  // nothing is sealed, nothing more is written
  b.open();
  b.files.set({});
  b.open();
  for (int n = 0; n < 50; ++n) CHECK(b.right(n, 1, 0, 100'000));
}

TEST_CASE("A region that was never begun, since a kill came, is removed and nothing else missed") {
  DiskBench b;
  b.keep(1, 1);
  b.store->flush();
  b.store->stop();
  (void)b.files.open("disk0/region-000000aa", FileSystem::Open::kCreate);
  b.open();
  CHECK(b.store->has_alone(key_of(1)));
  for (const std::string& name : b.files.names()) CHECK(name != "disk0/region-000000aa");
}

TEST_CASE("What was not put is not written") {
  DiskBench b;
  const auto body = b.store->create_body(key_of(1));
  b.offer(*body, 1, 1, 0, 1000, 1000);
  b.store->flush();
  CHECK(b.look(1).empty());
  CHECK_FALSE(body->holds(0));
  CHECK(b.store->stats().dirty == 0);
}

TEST_CASE("holds() says what can be read back, a chunk at a time") {
  DiskBench b;
  const auto body = b.store->create_body(key_of(1));
  const std::uint64_t total = 3 * body::kChunkSize;
  b.store->put_object(*body, 1, true, total, "o");
  b.offer(*body, 1, 1, 1, body::kChunkSize, total);
  b.store->flush();
  CHECK_FALSE(body->holds(0));
  CHECK(body->holds(1));
  CHECK_FALSE(body->holds(2));
  CHECK(body->next_chunk(0) == 1);
  CHECK_FALSE(b.look(1)[0].whole);
}

TEST_CASE("A body described anew keeps its chunks; another of its variant takes its place") {
  DiskBench b;
  const auto body = b.keep(1, 1);
  b.store->put_object(*body, 1, true, 1000, "object 1 1 fresher");
  b.store->flush();
  CHECK(b.described(1) == "object 1 1 fresher");
  b.open();
  CHECK(b.described(1) == "object 1 1 fresher");
  CHECK(b.read(1, b.look(1)[0].body, 0, 1000));
  b.keep(1, 2);
  b.store->flush();
  CHECK(b.right(1, 2));
  b.open();
  CHECK(b.right(1, 2));
}

TEST_CASE("A purge is a purge after a start, too, and what came after it stays") {
  DiskBench b;
  b.keep(1, 1);
  const auto two = b.keep(2, 1);
  b.keep(3, 1);
  b.store->flush();
  b.store->purge(key_of(1));
  b.store->drop(key_of(2), two->body());
  b.store->purge(key_of(3));
  b.keep(3, 2);
  b.store->flush();
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    CHECK(b.look(1).empty());
    CHECK(b.look(2).empty());
    CHECK(b.right(3, 2));
    b.open();
  }
}

TEST_CASE("What is purged while it waits to be written does not come back") {
  DiskBench b;
  const auto body = b.store->create_body(key_of(1));
  for (int i = 0; i < 100; ++i) {
    b.store->put_object(*body, 1, true, 1000, "o");
    b.offer(*body, 1, 1, 0, 1000, 1000);
    b.store->purge(key_of(1));
  }
  b.store->put_object(*body, 1, true, 1000, "o");  // a freshening that comes too late
  b.store->flush();
  CHECK(b.look(1).empty());
  b.open();
  CHECK(b.look(1).empty());
}

TEST_CASE("When the queue is full chunks are left unwritten, counted, and nobody waits") {
  DiskBench b;
  b.settings.dirty_max = 3 << 20;
  b.open();
  for (int n = 0; n < 40; ++n) b.keep(n, 1, 1, body::kChunkSize);
  b.store->flush();
  const DiskStats stats = b.store->stats();
  CHECK(stats.unwritten_chunks > 0);
  CHECK(stats.dirty == 0);
  int right = 0;
  for (int n = 0; n < 40; ++n) {
    if (b.look(n).empty()) continue;
    CHECK(b.right(n, 1, 0, body::kChunkSize));
    ++right;
  }
  CHECK(right + static_cast<int>(stats.unwritten_chunks) >= 40);
}

TEST_CASE("A full disk gives up its oldest region; what was read again stays") {
  DiskBench b(32 << 20);
  const std::size_t size = 500'000;
  for (int n = 0; n < 200; ++n) {
    b.keep(n, 1, 1, size);
    b.store->flush();
    CHECK(b.right(0, 1, 0, size));  // read again and again
  }
  const DiskStats stats = b.store->stats();
  CHECK(stats.disks[0].reclaimed > 0);
  CHECK(stats.disks[0].forwarded > 0);
  CHECK(stats.disks[0].used <= 32 << 20);
  CHECK(b.files.names().size() <= 8);
  CHECK(b.look(1).empty());
  CHECK(b.right(199, 1, 0, size));
  b.open();
  CHECK(b.right(0, 1, 0, size));
  CHECK(b.look(1).empty());
  CHECK(b.right(199, 1, 0, size));
}

TEST_CASE("A purge outlives the region that its object was written forward from") {
  DiskBench b(32 << 20);
  b.keep(0, 1);
  b.store->flush();
  for (int n = 1; n < 150; ++n) {
    if (n < 100) CHECK(b.right(0, 1));
    if (n == 100) b.store->purge(key_of(0));
    b.keep(n, 1, 1, 500'000);
    b.store->flush();
  }
  CHECK(b.look(0).empty());
  b.open();
  CHECK(b.look(0).empty());
}

TEST_CASE("A reader of a region that is given up meanwhile gets its bytes") {
  DiskBench b(32 << 20);
  b.keep(0, 1, 1, 500'000);
  b.store->flush();
  const auto region = *open_region(b.files, "disk0/region-00000001", FileSystem::Open::kRead);
  for (int n = 1; n < 200; ++n) b.keep(n, 1, 1, 500'000);
  b.store->flush();
  CHECK(b.look(0).empty());
  const Survey old = *survey(*region, true);
  CHECK(old.damaged == 0);
  CHECK(old.entries.size() > 2);
}

TEST_CASE("A flipped bit is found by its checksum, counted, and read as nothing") {
  DiskBench b;
  const auto body = b.keep(1, 1);
  b.store->flush();
  const std::string path = "disk0/region-00000001";
  b.files.flip(path, (b.files.content(path).size() - 100) * 8);
  const auto bytes = b.read(1, body->body(), 0, 1000);
  REQUIRE_FALSE(bytes);
  CHECK(bytes.error().sys == EBADMSG);
  CHECK(b.store->stats().damaged == 1);
  CHECK_FALSE(body->holds(0));
  const auto again = b.read(1, body->body(), 0, 1000);
  REQUIRE_FALSE(again);
  CHECK(again.error().sys == ENOENT);
}

TEST_CASE("Reads that fail are counted and read as nothing") {
  DiskBench b;
  const auto body = b.keep(1, 1);
  b.store->flush();
  b.files.set({.read_error = EIO});
  const auto bytes = b.read(1, body->body(), 0, 1000);
  REQUIRE_FALSE(bytes);
  CHECK(bytes.error().sys == EIO);
  CHECK(b.store->stats().read_errors == 1);
}

TEST_CASE("A disk that fails is taken out, the others go on, and it does not come back by itself") {
  DiskBench b(64 << 20, 2);
  for (int n = 0; n < 20; ++n) b.keep(n, 1);
  b.store->flush();
  std::set<std::string> used;
  for (const std::string& name : b.files.names()) {
    if (name.find("region") != std::string::npos) used.insert(name.substr(0, 5));
  }
  CHECK(used.size() == 2);  // both got some
  b.files.set({.write_error = EIO});
  for (int n = 0; n < 20; ++n) b.keep(n, 2);
  b.store->flush();
  CHECK_FALSE(b.store->in_use());
  CHECK(b.store->stats().bodies == 0);
  CHECK(b.store->stats().dirty == 0);
  b.files.set({});
  b.keep(1, 3);  // nobody minds
  b.store->flush();
  CHECK(b.look(1).empty());
  b.open();  // what it has is of before what it missed
  CHECK(b.store->in_use());
  CHECK(b.store->stats().bodies == 0);
  b.keep(1, 4);
  b.store->flush();
  CHECK(b.right(1, 4));
}

TEST_CASE("Without space nothing is stored, what is there is served, and space brings it back") {
  DiskBench b;
  b.keep(1, 1);
  b.store->flush();
  b.files.set({.space = 2'000'000});
  for (int n = 2; n < 30; ++n) b.keep(n, 1, 1, 200'000);
  b.store->flush();
  CHECK(b.store->in_use());
  CHECK(b.store->stats().unwritten_chunks > 0);
  b.files.set({});
  b.keep(50, 1);
  b.store->flush();
  CHECK(b.right(50, 1));
  b.open();
  CHECK(b.right(50, 1));
}

TEST_CASE("power: what cannot be synced is not stored") {
  DiskBench b;
  b.settings.power = true;
  b.open();
  b.keep(1, 1);
  b.store->flush();
  CHECK(b.right(1, 1));
  b.files.set({.sync_error = EIO});
  b.keep(2, 1);
  b.store->flush();
  CHECK(b.look(2).empty());
  CHECK_FALSE(b.store->in_use());
}

TEST_CASE("Any kill at any byte: what was flushed is there, the purged is not, no byte is wrong") {
  std::mt19937 random(6);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    DiskBench b;
    std::map<int, int> flushed;           // key to version; 0: none
    std::map<int, std::set<int>> may_be;  // what was done since
    const auto step = [&](int i) {
      const int n = pick(12);
      if (pick(4) == 0) {
        b.store->purge(key_of(n));
        may_be[n].insert(0);
      } else {
        b.keep(n, i + 1, 1, static_cast<std::size_t>(pick(60'000) + 1));
        may_be[n].insert(i + 1);
        // Not yet written: its description may be there without its bytes, which is nothing.
        may_be[n].insert(0);
      }
    };
    const auto steps = pick(60) + 5;
    int i = 0;
    for (; i < steps; ++i) step(i);
    b.store->flush();
    for (int n = 0; n < 12; ++n) {
      const auto objects = b.look(n);
      flushed[n] = 0;
      if (!objects.empty()) {
        int key = 0;
        std::sscanf(objects[0].description.c_str(), "object %d %d", &key, &flushed[n]);
      }
      may_be[n] = {flushed[n]};
    }
    b.files.set({.die_after = static_cast<std::uint64_t>(pick(200'000))});
    for (; i < 2 * steps; ++i) step(i);
    b.open();  // the kill: what it still wrote is lost
    b.files.set({});
    b.open();
    for (int n = 0; n < 12; ++n) {
      const auto objects = b.look(n);
      REQUIRE(objects.size() <= 1);
      int version = 0;
      if (!objects.empty()) {
        int key = 0;
        REQUIRE(std::sscanf(objects[0].description.c_str(), "object %d %d", &key, &version) == 2);
        REQUIRE(key == n);
        const std::size_t size = *objects[0].total;
        const auto bytes = b.read(n, objects[0].body, 0, size);
        REQUIRE(bytes);
        CHECK(*bytes == bytes_of(n, version, 0, size));
      }
      CAPTURE(n);
      CAPTURE(version);
      CHECK(may_be[n].contains(version));
    }
  }
}
