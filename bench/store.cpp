// What the store is worth: how often eviction keeps what is asked for, beside other rules on the
// same requests; what an object costs in memory; how fast a start reads the disks; how much more is
// written than comes in; what it brings to store on disk only what was asked for again; how long it
// takes to hand what is in memory over to another process.
//
//   bench-store [DIRECTORY [PART]]
//
// DIRECTORY: where the disks are made (/var/tmp); a gigabyte is used, and removed. PART: objects,
// writing, handover, admission or eviction alone.
//
// One JSON object on stdout. Ends with 1 where eviction is more than 2 % worse than S3-FIFO as
// published.

#include <fmt/format.h>

#include <cstdio>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "admission.h"
#include "body/body.h"
#include "child.h"
#include "eviction.h"
#include "footprint.h"
#include "handover.h"
#include "store/disk_store.h"
#include "store/memory_store.h"

namespace {

using namespace weir;

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
    if (n % 512 == 0) store.flush();
    return body;
  }
};

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
  }
  d.store.flush();
  const store::DiskStats::One one = d.store.stats().disks[0];
  return fmt::format("{{\"came_bytes\": {}, \"written_bytes\": {}, \"ratio\": {:.3f}}}", came,
                     one.written, static_cast<double>(one.written) / static_cast<double>(came));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = std::string(argc > 1 ? argv[1] : "/var/tmp") + "/weir-bench-store";
  const std::string only = argc > 2 ? argv[2] : "";
  int worse = 0;
  const char* before = "{";
  const auto part = [&](const std::string& name, const std::function<std::string()>& run) {
    if (!only.empty() && only != name) return;
    fmt::print("{}\"{}\": {}", std::exchange(before, ",\n"), name, run());
    std::fflush(stdout);
  };
  // First of all, while this process is small and what it forks is, too.
  part("objects", [&] { return bench::footprints(directory); });
  part("writing", [&] { return bench::in_child([&] { return amplification(directory); }); });
  part("handover", [] { return bench::in_child(bench::handover); });
  std::filesystem::remove_all(directory);
  part("admission", bench::admission_table);
  part("eviction", [&] { return bench::eviction_table(worse); });
  fmt::print("}}\n");
  if (worse > 0)
    fmt::print(stderr, "bench: {} times more than 2 % below S3-FIFO as published\n", worse);
  return worse > 0 ? 1 : 0;
}
