#include "handover.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>
#include <vector>

#include "cache/index.h"
#include "cache/snapshot.h"
#include "store/memory_store.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kSmall = 1'000'000;
constexpr std::uint32_t kLarge = 1024;
constexpr WallTime kNow{Seconds{1'000'000}};

double ms_since(Clock::time_point then) {
  return std::chrono::duration<double, std::milli>(Clock::now() - then).count();
}

// Of this thread.
double cpu_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

struct Nobody final : body::Waiter {
  void wake() noexcept override {}
};

struct House {
  store::MemoryStore memory{{.limit = 4ull << 30}, {}};
  cache::Index index;

  static cache::Key key(std::uint32_t n) {
    return cache::key_of(fmt::format("http://www.example.org/objects/{:07}.json", n));
  }
  Ref<body::Body> body(std::uint32_t n, std::uint64_t size, std::uint64_t meta) {
    Nobody nobody;
    auto made =
        memory.create({.id = key(n).digest, .total = size, .meta_bytes = meta, .refillable = true});
    body::BodyWriter writer(made, 0, size, nobody);
    while (const std::size_t here = writer.space(size, {}).bytes.size()) writer.commit(here);
    std::move(writer).finish();
    return made;
  }
  void add(std::uint32_t n, std::uint64_t size) {
    cache::ObjectParts parts;
    parts.head.status = 200;
    parts.head.reason = "OK";
    parts.head.fields.add("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    parts.head.fields.add("Content-Type", "application/json");
    parts.head.fields.add("Last-Modified", "Sat, 05 Nov 1994 08:49:37 GMT");
    parts.head.fields.add("ETag", fmt::format("\"{:016x}\"", n));
    parts.head.fields.add("Cache-Control", "public, max-age=86400");
    parts.freshness = {.response_time = kNow, .lifetime = policy::Freshness::Span(86400)};
    parts.length = size;
    parts.origin_status = 200;
    parts.body = body(n, size, cache::Object::footprint(parts, key(n)));
    index.insert(key(n), make_ref<cache::Object>(std::move(parts)));
  }
};

// Looks objects up, and makes new ones, until it is told to stop; the longest that one took.
struct Traffic {
  House& house;
  std::atomic<bool> stop{false};
  double longest_hit = 0, longest_miss = 0;  // ms
  std::thread thread{[this] { run(); }};

  explicit Traffic(House& h) : house(h) {}
  ~Traffic() { end(); }
  void end() {
    stop = true;
    if (thread.joinable()) thread.join();
  }
  void run() {
    const http::Request request;
    for (std::uint32_t n = 1; !stop; ++n) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));  // a core is not only ours
      const cache::Key key = House::key(n * 7919u % kSmall);
      auto then = Clock::now();
      house.index.lookup(key, request, {}, kNow, false);
      longest_hit = std::max(longest_hit, ms_since(then));
      if (n % 64 != 0) continue;
      then = Clock::now();
      house.body(n, 1000, 400);
      longest_miss = std::max(longest_miss, ms_since(then));
    }
  }
};

}  // namespace

std::string handover() {
  House old_house, new_house;
  for (std::uint32_t n = 0; n < kSmall; ++n) old_house.add(n, 1000);
  for (std::uint32_t n = 0; n < kLarge; ++n) old_house.add(kSmall + n, 1 << 20);
  double idle_hit = 0, idle_miss = 0;
  {
    Traffic traffic(old_house);
    std::this_thread::sleep_for(std::chrono::seconds(8));
    traffic.end();
    idle_hit = traffic.longest_hit;
    idle_miss = traffic.longest_miss;
  }
  Traffic traffic(old_house);
  const auto begin = Clock::now();
  old_house.memory.freeze();
  const double frozen = ms_since(begin);
  const int fd = cache::make_snapshot_file();
  const auto then = Clock::now();
  double write_cpu = -cpu_ms();
  const auto wrote = cache::write_snapshot(old_house.index, old_house.memory, {.now = kNow}, fd);
  const double written = ms_since(then);
  write_cpu += cpu_ms();
  traffic.end();
  struct stat file {};
  ::fstat(fd, &file);
  std::vector<int> slabs;
  for (const store::SlabFile& slab : old_house.memory.frozen_slabs()) slabs.push_back(slab.fd);
  const auto from = Clock::now();
  double read_cpu = -cpu_ms();
  const auto got = cache::read_snapshot(fd, slabs, new_house.index, new_house.memory, nullptr);
  const double read = ms_since(from);
  read_cpu += cpu_ms();
  ::close(fd);
  return fmt::format(
      "{{\"objects\": {}, \"read\": {}, \"file_bytes\": {}, \"freeze_ms\": {:.0f}, \"write_ms\": "
      "{:.0f}, \"write_cpu_ms\": {:.0f}, \"read_ms\": {:.0f}, \"read_cpu_ms\": {:.0f}, "
      "\"longest_ms\": {{\"hit_before\": {:.2f}, \"hit\": {:.2f}, "
      "\"miss_before\": {:.2f}, \"miss\": {:.2f}}}}}",
      wrote ? wrote->objects : 0, got ? got->objects : 0, file.st_size, frozen, written, write_cpu,
      read, read_cpu, idle_hit, traffic.longest_hit, idle_miss, traffic.longest_miss);
}

}  // namespace weir::bench
