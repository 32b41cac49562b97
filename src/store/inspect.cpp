#include "store/inspect.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/mutex.h"

namespace weir::store {
namespace {

void look(FileSystem& files, const std::string& path, bool verify, InspectedRegion& out) {
  const auto opened = open_region(files, path, FileSystem::Open::kRead);
  if (!opened) {
    out.error = opened.error();
    return;
  }
  out.region = *opened;
  auto found = survey(*out.region, verify);
  if (found) {
    out.survey = std::move(*found);
  } else {
    out.error = found.error();
  }
}

std::uint64_t size_of(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Open::kRead);
  return file ? (*file)->size().value_or(0) : 0;
}

}  // namespace

Result<std::vector<InspectedRegion>> inspect(FileSystem& files, const std::string& directory,
                                             bool verify, unsigned threads,
                                             const Progress& progress) {
  const auto names = files.list(directory);
  if (!names) return std::unexpected(names.error());
  std::vector<InspectedRegion> out;
  std::uint64_t all = 0;
  for (const std::string& name : *names) {
    const std::uint32_t id = region_id(name);
    if (id == 0) continue;
    InspectedRegion& region = out.emplace_back();
    region.name = name;
    region.id = id;
    region.bytes = size_of(files, directory + "/" + name);
    all += region.bytes;
  }
  std::ranges::sort(out, {}, &InspectedRegion::id);

  std::atomic<std::size_t> next{0};
  Mutex mutex;
  std::uint64_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < out.size(); i = next++) {
      look(files, directory + "/" + out[i].name, verify, out[i]);
      Lock lock(mutex);
      done += out[i].bytes;
      if (progress) progress(done, all);
    }
  };
  std::vector<std::thread> pool;
  for (unsigned i = 1; i < threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  return out;
}

void recover(Directory& directory, const std::vector<std::vector<InspectedRegion>>& disks) {
  for (std::size_t i = 0; i < disks.size(); ++i) {
    for (const bool chunks : {false, true}) {
      for (const InspectedRegion& r : disks[i]) {
        directory.recover(r.survey.entries, static_cast<std::uint8_t>(i + 1), r.id, chunks);
      }
    }
  }
  directory.remove_worthless();
}

}  // namespace weir::store
