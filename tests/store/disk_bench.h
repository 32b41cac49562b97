#pragma once
// What tests of the disk store stand on: a store over files in memory, and bodies whose every byte
// can be told from the key.

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "../body/fake_source.h"
#include "base/executor.h"
#include "store/disk_store.h"
#include "support/memory_files.h"

namespace weir::store {

// Runs nothing by itself: a thread waits until its task was posted.
class Desk final : public Executor, public Task {
 public:
  void post(Task&) noexcept override { bell_.wake(); }
  void cancel(Task&) noexcept override {}
  void run() noexcept override {}
  void wait() { bell_.sleep(); }

 private:
  body::Sleeper bell_;
};

inline Digest key_of(int n) { return {static_cast<std::uint64_t>(n) * 7919, 5}; }

// The bytes of chunk `index` of body version `v` of key `n`.
inline std::string bytes_of(int n, int v, std::uint32_t index, std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<char>((i * 31 + index * 17 + static_cast<std::size_t>(n * 7 + v * 3)) ^
                               (i >> 8));
  }
  return out;
}

class DiskBench {
 public:
  static constexpr std::uint64_t kRegion = 4 << 20;

  test::MemoryFiles files;
  DiskStore::Settings settings;
  std::vector<std::unique_ptr<DiskStore>> past;  // which bodies of a test may outlast
  std::unique_ptr<DiskStore> store;
  body::FakeSource source;
  body::Body nobody{source, {}};

  explicit DiskBench(std::uint64_t size = 64 << 20, int disks = 1) {
    for (int i = 0; i < disks; ++i) settings.disks.push_back({fmt::format("disk{}", i), size});
    settings.region_size = kRegion;
    settings.read_threads = 2;
    open();
  }
  void open() {
    if (store) {
      store->stop();
      past.push_back(std::move(store));
    }
    ++settings.salt;
    store = std::make_unique<DiskStore>(files, settings);
    store->start();
  }

  // A body of chunks of `size` bytes each, put and offered.
  Ref<DiskBody> keep(int n, int v, std::uint32_t chunks = 1, std::size_t size = 1000) {
    auto body = store->create_body(key_of(n));
    const std::uint64_t total = chunks == 1 ? size : chunks * body::kChunkSize;
    store->put_object(*body, 1, true, total, fmt::format("object {} {}", n, v));
    for (std::uint32_t i = 0; i < chunks; ++i) offer(*body, n, v, i, size, total);
    return body;
  }
  void offer(DiskBody& body, int n, int v, std::uint32_t index, std::size_t size,
             std::uint64_t total) {
    const auto chunk = source.allocate(nobody, index, size, body::Need::kUsual);
    const std::string bytes = bytes_of(n, v, index, size);
    std::memcpy(chunk->data(), bytes.data(), size);
    body.offer(index, chunk, size, total);
  }

  std::vector<StoredObject> look(int n) {
    Desk desk;
    const auto read = make_ref<ReadObjects>(*store, key_of(n), desk, desk);
    REQUIRE(store->read(key_of(n), read));
    desk.wait();
    return read->objects();
  }
  // The descriptions, the newest first, by comma.
  std::string described(int n) {
    std::string out;
    for (const StoredObject& o : look(n)) out += (out.empty() ? "" : ",") + o.description;
    return out;
  }
  Result<std::string> read(int n, std::uint64_t body, std::uint32_t index, std::size_t size) {
    Desk desk;
    std::string bytes(size, '?');
    const auto read = make_ref<ReadChunk>(store->open_body(key_of(n), body), index,
                                          std::as_writable_bytes(std::span(bytes)), desk, desk);
    REQUIRE(store->read(key_of(n), read));
    desk.wait();
    if (!read->result()) return std::unexpected(read->result().error());
    return bytes;
  }
  // Whether the only body of key `n` reads as version `v` was written.
  bool right(int n, int v, std::uint32_t index = 0, std::size_t size = 1000) {
    const auto objects = look(n);
    if (objects.size() != 1 || objects[0].description != fmt::format("object {} {}", n, v))
      return false;
    const auto bytes = read(n, objects[0].body, index, size);
    return bytes && *bytes == bytes_of(n, v, index, size);
  }
};

}  // namespace weir::store
