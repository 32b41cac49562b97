// Snapshots of objects that are on disk, too.
#include <doctest/doctest.h>
#include <unistd.h>

#include "../store/disk_bench.h"
#include "cache/shelf.h"
#include "cache/snapshot.h"
#include "store/memory_store.h"

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::cache;

namespace {

constexpr WallTime kNow{1'000'000s};
constexpr std::uint64_t M = 1024 * 1024;

// One process; the disk is whose turn it is.
struct House {
  store::DiskBench& disk;
  store::MemoryStore memory{{.limit = 32 * M}, [this](const Digest& id) { index.emptied(id); }};
  PurgeLog log{disk.files, PurgeLog::Settings{.directories = {"/d"}}, kNow};
  Shelf shelf{*disk.store, log, memory, {}};
  Index index;
  body::Bell bell;
  Key key = key_of("http://example.org/a");

  explicit House(store::DiskBench& d) : disk(d) {
    log.start();
    index.set_shelf(shelf);
  }
  Ref<Object> add(std::uint64_t size, bool refillable) {
    ObjectParts p;
    p.head.status = 200;
    p.freshness = {.response_time = kNow, .lifetime = 100s};
    p.purges = index.purges();
    body::BodyOptions options{.id = key.digest, .total = size, .refillable = refillable};
    options.backing = shelf.backing(key, size);
    p.body = memory.create(options);
    auto object = make_ref<Object>(std::move(p));
    index.insert(key, object);
    body::BodyWriter w(object->body_ref(), 0, size, bell);
    REQUIRE(body::write_upto(w, size) == body::BodyWriter::Stop::kNone);
    std::move(w).finish();
    return object;
  }
  Ref<Object> find() { return index.lookup(key, {}, {}, kNow, false).object; }
};

// What `a` has, made in `b`.
template <class Between>
void hand_over(House& a, std::optional<House>& b, Between between) {
  const int fd = make_snapshot_file();
  REQUIRE(a.memory.freeze());
  std::vector<int> slabs;
  for (const store::SlabFile& slab : a.memory.frozen_slabs()) slabs.push_back(slab.fd);
  REQUIRE(write_snapshot(a.index, a.memory, {.now = kNow}, fd));
  between();
  b.emplace(a.disk);
  REQUIRE(read_snapshot(fd, slabs, b->index, b->memory, &b->shelf));
  ::close(fd);
}

}  // namespace

TEST_CASE("What is on disk too is tied to its copy again, and purged together with it") {
  for (const bool refillable : {true, false}) {
    CAPTURE(refillable);
    store::DiskBench disk;
    House a(disk);
    const Ref<Object> before = a.add(3 * M, refillable);
    disk.store->flush();
    std::vector<body::Body::Whole> chunks;
    before->body().whole_chunks(chunks);
    REQUIRE(before->body().evict(1, *chunks[1].chunk));  // the disk has it
    std::optional<House> b;
    hand_over(a, b, [&] { disk.open(); });
    const Ref<Object> after = b->find();
    REQUIRE(after);
    REQUIRE(Shelf::disk_body(*after));
    CHECK(Shelf::disk_body(*after)->body() == Shelf::disk_body(*before)->body());
    CHECK(after->body().present() == 2 * M);
    CHECK(after->body().servable());
    CHECK(after->body().backing()->holds(1));
    CHECK(after->body().hole(M)->offset == M);
    chunks.clear();
    after->body().whole_chunks(chunks);
    REQUIRE(after->body().evict(2, *chunks[1].chunk));
    chunks.clear();
    CHECK(after->body().servable());
    CHECK(disk.store->bodies(b->key.digest).all == 1);
    CHECK(disk.store->bodies(b->key.digest).alone == 0);
    CHECK(b->index.purge(b->key) == 1);
    CHECK_FALSE(b->find());
    CHECK(disk.store->bodies(b->key.digest).all == 0);
    disk.store->stop();
  }
}

TEST_CASE("Without its copy it is of memory alone, if all of it is there") {
  for (const bool all : {true, false}) {
    CAPTURE(all);
    store::DiskBench disk;
    House a(disk);
    const Ref<Object> before = a.add(3 * M, false);
    disk.store->flush();
    std::vector<body::Body::Whole> chunks;
    before->body().whole_chunks(chunks);
    if (!all) REQUIRE(before->body().evict(1, *chunks[1].chunk));
    std::optional<House> b;
    hand_over(a, b, [&] {
      disk.store->purge(a.key.digest);
      disk.open();
    });
    const Ref<Object> after = b->find();
    CHECK(static_cast<bool>(after) == all);
    if (after) CHECK_FALSE(after->body().backing());
    disk.store->stop();
  }
}
