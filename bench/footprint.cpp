#include "footprint.h"

#include <fmt/format.h>
#ifdef WEIR_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include "body/body.h"
#include "cache/index.h"
#include "cache/object.h"
#include "cache/purge_log.h"
#include "cache/shelf.h"
#include "child.h"
#include "store/disk_store.h"
#include "store/memory_chunk.h"
#include "store/memory_store.h"

namespace weir::bench {
namespace {

constexpr std::uint32_t kObjects = 1'000'000;
constexpr std::size_t kBodyBytes = 200;
constexpr std::uint64_t kDiskBytes = 8ull << 30;

// What the allocator has given out; 0 where that is not jemalloc.
std::uint64_t allocated() {
#ifdef WEIR_HAVE_JEMALLOC
  std::uint64_t epoch = 1;
  std::size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  std::size_t bytes = 0;
  size = sizeof bytes;
  mallctl("stats.allocated", &bytes, &size, nullptr, 0);
  return bytes;
#else
  return 0;
#endif
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Measured {
  std::uint64_t rss = resident();
  std::uint64_t heap = allocated();
};

double each(std::uint64_t before, std::uint64_t after) {
  return (static_cast<double>(after) - static_cast<double>(before)) / kObjects;
}

struct Nobody final : body::Waiter {
  void wake() noexcept override {}
};

cache::Key key_of(std::uint32_t n) {
  return cache::key_of(fmt::format("http://www.example.org/objects/{:07}.json", n));
}

http::Response head_of(std::uint32_t n) {
  http::Response head;
  head.status = 200;
  head.reason = "OK";
  head.fields.add("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
  head.fields.add("Content-Type", "application/json");
  head.fields.add("Last-Modified", "Sat, 05 Nov 1994 08:49:37 GMT");
  head.fields.add("ETag", fmt::format("\"{:016x}\"", n));
  head.fields.add("Cache-Control", "public, max-age=86400");
  return head;
}

// As proxy::Fetch makes and keeps them.
struct House {
  std::unique_ptr<store::DiskStore> disks;
  std::unique_ptr<cache::PurgeLog> purges;
  store::MemoryStore memory{{.limit = 2ull << 30}, {}};
  std::unique_ptr<cache::Shelf> shelf;
  cache::Index index;

  explicit House(const std::string& directory) {
    if (directory.empty()) return;
    disks = std::make_unique<store::DiskStore>(
        store::posix_files(), store::DiskStore::Settings{.disks = {{directory, kDiskBytes}}});
    disks->start();
    purges = std::make_unique<cache::PurgeLog>(
        store::posix_files(), cache::PurgeLog::Settings{.directories = {directory}},
        WallTime{Seconds{1'000'000}});
    purges->start();
    shelf = std::make_unique<cache::Shelf>(*disks, *purges, memory, cache::ShelfSettings{});
    index.set_shelf(*shelf);
  }
  ~House() {
    if (disks) disks->stop();
  }

  Ref<body::Body> body(std::uint32_t n) {
    const cache::Key key = key_of(n);
    Nobody nobody;
    body::BodyOptions options{.id = key.digest, .total = kBodyBytes, .refillable = true};
    cache::ObjectParts parts;
    parts.head = head_of(n);
    options.meta_bytes = cache::Object::footprint(parts, key);
    if (shelf) options.backing = shelf->backing(key, kBodyBytes);
    auto made = memory.create(options);
    body::BodyWriter writer(made, 0, kBodyBytes, nobody);
    while (const std::size_t here = writer.space(kBodyBytes, {}).bytes.size()) writer.commit(here);
    std::move(writer).finish();
    return made;
  }
  Ref<cache::Object> object(std::uint32_t n, Ref<body::Body> bytes) {
    cache::ObjectParts parts;
    parts.head = head_of(n);
    parts.freshness.lifetime = Seconds{86400};
    parts.length = kBodyBytes;
    parts.origin_status = 200;
    parts.body = std::move(bytes);
    return make_ref<cache::Object>(std::move(parts));
  }
};

// Step by step, so that it shows where it goes.
std::string in_memory() {
  House house({});
  std::vector<Ref<body::Body>> bodies(kObjects);
  std::vector<Ref<cache::Object>> objects(kObjects);
  const std::uint64_t charged = house.memory.stats().used;
  const Measured begin;
  for (std::uint32_t n = 0; n < kObjects; ++n) bodies[n] = house.body(n);
  const Measured with_bodies;
  for (std::uint32_t n = 0; n < kObjects; ++n) objects[n] = house.object(n, std::move(bodies[n]));
  const Measured with_objects;
  for (std::uint32_t n = 0; n < kObjects; ++n) house.index.insert(key_of(n), std::move(objects[n]));
  const Measured end;
  const std::size_t text = head_of(0).fields.bytes() + key_of(0).text.size();
  return fmt::format(
      "{{\"resident\": {:.0f}, \"of_it_overhead\": {:.0f}, \"allocated\": {:.0f}, \"charged\": "
      "{:.0f}, \"allocated_for\": "
      "{{\"body\": {:.0f}, \"object\": {:.0f}, \"index\": {:.0f}}}, \"of_it_head_and_key_text\": "
      "{}, \"sizeof\": {{\"Body\": {}, \"MemoryChunk\": {}, \"Object\": {}, \"of Object, "
      "http::Response\": {}, \"of Object, Freshness\": {}}}}}",
      each(begin.rss, end.rss) - kBodyBytes,
      each(begin.rss, end.rss) - kBodyBytes - static_cast<double>(text),
      each(begin.heap, end.heap) - kBodyBytes,
      each(charged, house.memory.stats().used) - kBodyBytes,
      each(begin.heap, with_bodies.heap) - kBodyBytes, each(with_bodies.heap, with_objects.heap),
      each(with_objects.heap, end.heap), text, sizeof(body::Body), sizeof(store::MemoryChunk),
      sizeof(cache::Object), sizeof(http::Response), sizeof(policy::Freshness));
}

std::string in_both(const std::string& directory) {
  House house(directory);
  const Measured begin;
  for (std::uint32_t n = 0; n < kObjects; ++n) {
    house.index.insert(key_of(n), house.object(n, house.body(n)));
    if (n % 1024 == 0) house.disks->flush();
  }
  house.disks->flush();
  const Measured end;
  const store::DiskStats stats = house.disks->stats();
  return fmt::format(
      "{{\"resident\": {:.0f}, \"allocated\": {:.0f}, \"on_disk\": {}, \"bytes_on_disk_each\": "
      "{:.0f}, \"sizeof\": {{\"StoredBody\": {}, \"DiskBody\": {}}}}}",
      each(begin.rss, end.rss) - kBodyBytes, each(begin.heap, end.heap) - kBodyBytes, stats.bodies,
      static_cast<double>(stats.disks[0].written) / kObjects, sizeof(store::StoredBody),
      sizeof(store::DiskBody));
}

std::string on_disk(const std::string& directory) {
  const Measured begin;
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  const auto found = std::make_unique<store::DiskStore>(
      store::posix_files(), store::DiskStore::Settings{.disks = {{directory, kDiskBytes}}});
  const double cpu_used = cpu_seconds() - cpu;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Measured end;
  const store::DiskStats stats = found->stats();
  return fmt::format(
      "{{\"found\": {}, \"resident\": {:.0f}, \"allocated\": {:.0f}, \"start_seconds\": {:.3f}, "
      "\"start_cpu_seconds\": {:.3f}, "
      "\"start_objects_per_second\": {:.0f}, \"start_region_mb_per_second\": {:.0f}, \"sizeof\": "
      "{{\"StoredBody\": {}}}}}",
      stats.bodies, each(begin.rss, end.rss), each(begin.heap, end.heap), seconds, cpu_used,
      static_cast<double>(stats.bodies) / seconds,
      static_cast<double>(stats.disks[0].used) / 1e6 / seconds, sizeof(store::StoredBody));
}

}  // namespace

std::string footprints(const std::string& directory) {
  std::filesystem::remove_all(directory);
  const std::string memory = in_child([] { return in_memory(); });
  const std::string both = in_child([&] { return in_both(directory); });
  const std::string disk = in_child([&] { return on_disk(directory); });
  return fmt::format(
      "{{\"objects\": {}, \"body_bytes\": {},\n  \"beyond_the_body_each\": {{\n   \"in_memory\": "
      "{},\n   \"on_disk\": {},\n   \"in_both\": {}}}}}",
      kObjects, kBodyBytes, memory, disk, both);
}

}  // namespace weir::bench
