// What the store is worth: how often eviction keeps what is asked for, beside other rules on the
// same requests; what an object on disk costs in memory; how fast a start reads the disks; how much
// more is written than comes in.
//
//   bench-store [DIRECTORY]     where the disks are made; a gigabyte is used, and removed
//
// One JSON object on stdout.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "body/body.h"
#include "store/disk_store.h"
#include "store/memory_store.h"
#include "store/s3_fifo.h"

namespace {

using namespace weir;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// ---- eviction

using Trace = std::vector<std::uint32_t>;  // objects, all of one size
constexpr std::uint32_t kObjects = 100'000;
constexpr std::size_t kRequests = 2'000'000;

// Zipf's law with this skew; `once`: the share of requests for what nobody asks for again; `scan`:
// now and then a tenth of all objects in a row, as a crawler does.
Trace make_trace(double skew, double once, bool scan) {
  std::mt19937_64 random(7);
  std::vector<double> sums(kObjects);
  double sum = 0;
  for (std::uint32_t i = 0; i < kObjects; ++i) sums[i] = sum += std::pow(i + 1, -skew);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::uint32_t fresh = kObjects;
  Trace out;
  out.reserve(kRequests);
  while (out.size() < kRequests) {
    if (scan && out.size() % 200'000 == 100'000) {
      for (std::uint32_t i = 0; i < kObjects / 10; ++i) out.push_back(fresh++);
    }
    if (uniform(random) < once) {
      out.push_back(fresh++);
    } else {
      const auto at = std::ranges::lower_bound(sums, uniform(random) * sum) - sums.begin();
      out.push_back(static_cast<std::uint32_t>(at));
    }
  }
  return out;
}

// Each answers the share of requests that hit a cache of `room` objects.
double ratio(std::uint64_t hits, const Trace& trace) {
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

double list_cache(const Trace& trace, std::size_t room, bool refresh) {
  std::list<std::uint32_t> order;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> where;
  std::uint64_t hits = 0;
  for (const std::uint32_t object : trace) {
    if (const auto it = where.find(object); it != where.end()) {
      ++hits;
      if (refresh) order.splice(order.begin(), order, it->second);
      continue;
    }
    if (where.size() == room) {
      where.erase(order.back());
      order.pop_back();
    }
    order.push_front(object);
    where.emplace(object, order.begin());
  }
  return ratio(hits, trace);
}

// As published (SOSP 2023, algorithm 1), by objects: small a tenth, ghost as many as main.
double published(const Trace& trace, std::size_t room) {
  struct Cached {
    std::uint32_t object;
    std::uint32_t uses = 0;
  };
  const std::size_t small_room = std::max<std::size_t>(1, room / 10);
  const std::size_t main_room = room - small_room;
  std::list<Cached> small, main;
  std::list<std::uint32_t> ghost;
  std::unordered_map<std::uint32_t, std::list<Cached>::iterator> cached;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> remembered;
  const auto evict_main = [&] {
    while (main.back().uses > 0) {
      --main.back().uses;
      main.splice(main.begin(), main, std::prev(main.end()));
    }
    cached.erase(main.back().object);
    main.pop_back();
  };
  const auto remember = [&](std::uint32_t object) {
    if (ghost.size() == main_room) {
      remembered.erase(ghost.back());
      ghost.pop_back();
    }
    ghost.push_front(object);
    remembered.emplace(object, ghost.begin());
  };
  const auto evict_small = [&] {
    while (!small.empty()) {
      const auto last = std::prev(small.end());
      if (last->uses > 1) {
        last->uses = 0;
        main.splice(main.begin(), small, last);
        if (main.size() > main_room) evict_main();
        continue;
      }
      const std::uint32_t object = last->object;
      cached.erase(object);
      small.pop_back();
      remember(object);
      return;
    }
  };
  std::uint64_t hits = 0;
  for (const std::uint32_t object : trace) {
    if (const auto it = cached.find(object); it != cached.end()) {
      ++hits;
      it->second->uses = std::min(3u, it->second->uses + 1);
      continue;
    }
    while (cached.size() >= room) small.size() >= small_room ? evict_small() : evict_main();
    const auto known = remembered.find(object);
    std::list<Cached>& to = known == remembered.end() ? small : main;
    if (known != remembered.end()) {
      ghost.erase(known->second);
      remembered.erase(known);
    }
    to.push_front({object});
    cached.emplace(object, to.begin());
  }
  return ratio(hits, trace);
}

struct OurEntry final : store::S3Fifo::Entry {
  store::S3Fifo::Hits hits{0};
  std::uint32_t object = 0;
};

double ours(const Trace& trace, std::size_t room) {
  constexpr std::uint32_t kBytes = 1000;
  store::S3Fifo queues(room * kBytes, room * 4,
                       [](store::S3Fifo::Entry& e) -> store::S3Fifo::Hits& {
                         return static_cast<OurEntry&>(e).hits;
                       });
  std::unordered_map<std::uint32_t, std::unique_ptr<OurEntry>> cached;
  std::uint64_t hits = 0;
  for (const std::uint32_t object : trace) {
    if (const auto it = cached.find(object); it != cached.end()) {
      ++hits;
      if (it->second->hits < 3) ++it->second->hits;
      continue;
    }
    while (cached.size() >= room) {
      auto* victim = static_cast<OurEntry*>(queues.victim());
      queues.evicted(*victim);
      cached.erase(victim->object);
    }
    auto entry = std::make_unique<OurEntry>();
    entry->object = object;
    queues.insert(*entry, object * 0x9E3779B97F4A7C15u, kBytes);
    cached.emplace(object, std::move(entry));
  }
  return ratio(hits, trace);
}

std::string eviction() {
  struct Case {
    const char* name;
    double skew;
    double once;
    bool scan;
  };
  std::string out;
  for (const Case& c : {Case{"zipf 0.8", 0.8, 0, false}, Case{"zipf 1.0", 1.0, 0, false},
                        Case{"zipf 1.2", 1.2, 0, false}, Case{"zipf 1.0, scans", 1.0, 0, true},
                        Case{"zipf 1.0, half once", 1.0, 0.5, false}}) {
    const Trace trace = make_trace(c.skew, c.once, c.scan);
    for (const int percent : {1, 10}) {
      const std::size_t room = kObjects * static_cast<std::size_t>(percent) / 100;
      out += fmt::format(
          "{}\n  {{\"trace\": \"{}\", \"room_percent\": {}, \"ours\": {:.4f}, \"s3fifo\": {:.4f}, "
          "\"lru\": {:.4f}, \"fifo\": {:.4f}}}",
          out.empty() ? "" : ",", c.name, percent, ours(trace, room), published(trace, room),
          list_cache(trace, room, true), list_cache(trace, room, false));
    }
  }
  return "[" + out + "]";
}

// ---- disks

std::uint64_t resident() {
  std::uint64_t size = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> size >> pages;
  return pages * 4096;
}

// A store in `directory` and bodies whose chunks live as long as it needs them.
struct Disks {
  store::MemoryStore memory{{.limit = 256 << 20}, {}};
  store::DiskStore store;
  Ref<body::Body> owner = memory.create({.refillable = true});

  Disks(const std::string& directory, std::uint64_t size)
      : store(store::posix_files(),
              {.disks = {{directory, size}}, .region_size = 64 << 20, .salt = 9}) {
    store.start();
  }
  ~Disks() { store.stop(); }

  Ref<store::DiskBody> keep(std::uint32_t n, std::size_t size) {
    const Digest key{n * 0x9E3779B97F4A7C15u, n};
    auto body = store.create_body(key);
    store.put_object(*body, 0, true, size, std::string(400, 'd'));
    const auto chunk = static_cast<body::ChunkSource&>(memory).allocate(*owner, 0, size);
    if (chunk) body->offer(0, chunk, size, size);
    if (chunk) static_cast<body::ChunkSource&>(memory).release(*chunk);
    if (n % 4096 == 0) store.flush();
    return body;
  }
};

std::string disks(const std::string& directory) {
  constexpr std::uint32_t kSmall = 1'000'000;
  std::filesystem::remove_all(directory);
  // In a process of its own, so that the memory it used is not there for the start that is
  // measured.
  if (const pid_t child = ::fork(); child != 0) {
    ::waitpid(child, nullptr, 0);
  } else {
    {
      Disks d(directory, 8ull << 30);
      for (std::uint32_t n = 0; n < kSmall; ++n) d.keep(n, 200);
      d.store.flush();
    }
    ::_exit(0);
  }
  const std::uint64_t before = resident();
  const auto start = std::chrono::steady_clock::now();
  const auto found = std::make_unique<store::DiskStore>(
      store::posix_files(), store::DiskStore::Settings{.disks = {{directory, 8ull << 30}}});
  const double sealed = seconds_since(start);
  const store::DiskStats stats = found->stats();
  const double each = static_cast<double>(resident() - before) / kSmall;
  return fmt::format(
      "{{\"objects\": {}, \"found\": {}, \"memory_each_bytes\": {:.0f}, \"start_seconds\": {:.3f}, "
      "\"start_objects_per_second\": {:.0f}, \"start_region_mb_per_second\": {:.0f}}}",
      kSmall, stats.bodies, each, sealed, kSmall / sealed,
      static_cast<double>(stats.disks[0].used) / 1e6 / sealed);
}

// A disk of 512 MiB that is written four times over; 100 MB of what came last are in use, so that
// they are written forward where their region is given up.
std::string amplification(const std::string& directory) {
  std::filesystem::remove_all(directory);
  Disks d(directory, 512 << 20);
  std::uint64_t came = 0;
  std::deque<Ref<store::DiskBody>> used;
  for (std::uint32_t n = 0; n < 20'000; ++n) {
    auto body = d.keep(n, 100'000);
    if (n % 10 == 0) used.push_back(std::move(body));
    if (used.size() > 1000) used.pop_front();
    came += 100'000;
    if (n % 512 == 0) d.store.flush();
  }
  d.store.flush();
  const store::DiskStats::One one = d.store.stats().disks[0];
  return fmt::format("{{\"came_bytes\": {}, \"written_bytes\": {}, \"ratio\": {:.3f}}}", came,
                     one.written, static_cast<double>(one.written) / static_cast<double>(came));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = std::string(argc > 1 ? argv[1] : "/var/tmp") + "/weir-bench-store";
  fmt::print("{{\"eviction\": {},\n", eviction());
  fmt::print("\"small_objects\": {},\n", disks(directory));
  fmt::print("\"write_amplification\": {}}}\n", amplification(directory));
  std::filesystem::remove_all(directory);
}
