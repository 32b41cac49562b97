#pragma once
// DiskStore: bodies and what describes them on disk, behind memory. Bytes land in memory first and
// are written behind by one writer for each disk; reads go through an IoPool. No caller of anything
// here waits for a disk, but for open() and stop().
//
//   create_body --put_object--> in the directory --offer--> queued --writer--> on disk
//        gone from memory --read_objects--> described --read_chunk--> bytes again
//
// The queue of what is to be written is bounded (`dirty_max`): a chunk beyond it is left unwritten
// and counted. All records of a key go to one disk, in the order in which they were put, so that
// what is found after a crash is a state that there was.
//
// Threads: any. One lock, a leaf, for the directory and the queues. Its bodies must die before it,
// but may outlive stop().

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "body/backing.h"
#include "store/directory.h"
#include "store/disk.h"
#include "store/disk_reads.h"
#include "store/io_pool.h"

namespace weir::store {

class DiskStore;

// A body in memory that is kept on disk too, or may be.
class DiskBody final : public body::Backing {
 public:
  DiskBody(DiskStore& store, const Digest& key, std::uint64_t body, bool put);
  ~DiskBody() override;

  void offer(std::uint32_t index, const Ref<body::Chunk>& chunk, std::size_t size,
             std::uint64_t total) noexcept override;
  bool holds(std::uint32_t index) const noexcept override;
  // Chunks on disk in a row from `index` on, `most` at most; and the first that is, ~0: none.
  std::uint32_t run(std::uint32_t index, std::uint32_t most) const;
  std::uint32_t next_chunk(std::uint32_t index) const;

  DiskStore& store() const { return store_; }
  const Digest& key() const { return key_; }
  std::uint64_t body() const { return body_; }
  // Whether it was put into the store: before that nothing of it is written.
  bool put() const { return put_.load(std::memory_order_relaxed); }

 private:
  friend class DiskStore;
  DiskStore& store_;
  const Digest key_;
  const std::uint64_t body_;
  std::atomic<bool> put_;
};

struct DiskStats {
  struct One {
    std::string path;
    std::uint64_t size = 0;
    std::uint64_t used = 0;
    std::uint64_t regions = 0;
    std::uint64_t reclaimed = 0;  // regions
    std::uint64_t written = 0;    // bytes, forwarded ones included
    std::uint64_t forwarded = 0;  // bytes
    std::uint64_t refused = 0;    // regions for which the file system had no room
    bool in_use = true;           // false: it failed and was taken out
  };
  std::vector<One> disks;
  std::uint64_t keys = 0;
  std::uint64_t bodies = 0;
  std::uint64_t index_bytes = 0;       // memory of what is known of them
  std::uint64_t dirty = 0;             // bytes that wait to be written
  std::uint64_t offered = 0;           // bytes of chunks that memory had whole
  std::uint64_t unwritten_chunks = 0;  // no room in the queue, or the disk took nothing
  std::uint64_t reads = 0;             // chunks and descriptions
  std::uint64_t read_bytes = 0;
  std::uint64_t read_errors = 0;  // the kernel's
  std::uint64_t damaged = 0;      // checksums that did not fit
};

class DiskStore {
 public:
  struct Settings {
    struct One {
      std::string path;
      std::uint64_t size;
    };
    std::vector<One> disks;  // 255 at most
    std::uint64_t region_size = 256 << 20;
    bool power = false;  // fdatasync: what was stored survives a power cut
    std::uint64_t dirty_max = 64 << 20;
    std::uint64_t index_max = 1 << 30;  // memory for the directory; beyond it the oldest goes
    unsigned read_threads = 4;          // of each disk
    std::size_t read_queue = 4096;
    std::uint64_t salt = 1;  // some random number
    std::function<TimePoint()> now = [] { return TimePoint(); };
  };

  // Reads what is on the disks. A disk that cannot be used is logged and left out.
  DiskStore(FileSystem& files, Settings settings);
  // Why this must not go on: a disk that was left out, and may come back with what was purged
  // meanwhile, since neither it nor another one can be told so.
  const std::optional<Error>& unsafe() const { return unsafe_; }
  ~DiskStore();  // stop()
  DiskStore(const DiskStore&) = delete;
  DiskStore& operator=(const DiskStore&) = delete;

  void start();  // its threads
  // Writes what is queued, seals the regions, ends the threads. Nothing is stored any more.
  void stop();
  // Another process takes over the disks: the same, but what is there can still be read, as long as
  // the other leaves it. Blocks.
  void let_go();
  // After let_go(), when nobody has taken over: the next start begins anew with the disks.
  void disown();

  Ref<DiskBody> create_body(const Digest& key);
  // One of those read_objects() told of.
  Ref<DiskBody> open_body(const Digest& key, std::uint64_t body);

  // What describes the body, from now on or instead of what did. `variant` names it among the
  // key's: another body of the same one goes. `total` ~0: unknown yet.
  void put_object(DiskBody& body, std::uint64_t variant, bool refillable, std::uint64_t total,
                  std::string description) EXCLUDES_LOCK(mutex_);
  void drop(const Digest& key, std::uint64_t body) EXCLUDES_LOCK(mutex_);
  void drop_variant(const Digest& key, std::uint64_t variant) EXCLUDES_LOCK(mutex_);
  void purge(const Digest& key) EXCLUDES_LOCK(mutex_);  // all of it

  struct Bodies {
    std::size_t all = 0;    // of a key, also those that are still to be written
    std::size_t alone = 0;  // of them, those that are not in memory, too
  };
  Bodies bodies(const Digest& key) const EXCLUDES_LOCK(mutex_);
  // Whether there are bodies of the key that are not in memory and whose description can be read.
  bool has_alone(const Digest& key) const EXCLUDES_LOCK(mutex_);
  bool alive(const Digest& key, std::uint64_t body) EXCLUDES_LOCK(mutex_);
  // A read of what is stored under that key. False: too many wait.
  bool read(const Digest& key, Ref<IoJob> job) EXCLUDES_LOCK(mutex_);

  DiskStats stats() const EXCLUDES_LOCK(mutex_);
  bool in_use() const EXCLUDES_LOCK(mutex_);                           // some disk works
  std::vector<std::string> directories() const EXCLUDES_LOCK(mutex_);  // of those that work
  // The disk there must not be used any more: something of it cannot be kept. May block.
  void take_out(const std::string& directory, Error why) EXCLUDES_LOCK(mutex_);
  // Gives up the oldest region of the disk there, whose file system is full. False: there is none.
  // Blocks until its writer has done so.
  bool make_room(const std::string& directory) EXCLUDES_LOCK(mutex_);
  // For tests: waits until nothing is queued.
  void flush() EXCLUDES_LOCK(mutex_);

 private:
  friend class DiskBody;
  friend class ReadObjects;
  friend class ReadChunk;
  class Writer;
  struct Job {
    Record record;
    Ref<body::Chunk> chunk;
    std::string text;
    std::uint64_t bytes = 0;
    Bytes payload() const;
  };

  using Disks = std::vector<std::unique_ptr<Disk>>;  // null: left out
  Disks open_disks(FileSystem& files);
  Result<void> recover(Disk& disk, std::uint64_t last_run);
  void leave_out(std::unique_ptr<Disk>& disk, const std::string& path, Error why);
  void begin_runs_without(const Disk& disk) EXCLUDES_LOCK(mutex_);

  void offer(const DiskBody& body, std::uint32_t index, const Ref<body::Chunk>& chunk,
             std::size_t size, std::uint64_t total) noexcept EXCLUDES_LOCK(mutex_);
  void leave(const DiskBody& body) EXCLUDES_LOCK(mutex_);
  std::uint8_t disk_for(const Digest& key) const REQUIRES_LOCK(mutex_);
  void enqueue(std::uint8_t disk, Job job) REQUIRES_LOCK(mutex_);
  void bury(const Digest& key, const Directory::Dropped& dropped) REQUIRES_LOCK(mutex_);
  void remove(const Digest& key, const StoredBody& body) REQUIRES_LOCK(mutex_);
  Ref<Region> region(const Place& place) const;
  void read_failed(const Digest& key, std::uint64_t body, std::uint32_t index, const Place& place,
                   Error why) EXCLUDES_LOCK(mutex_);

  const Settings settings_;
  std::vector<std::unique_ptr<Writer>> writers_;  // one a disk, by number - 1; null: left out
  std::vector<std::unique_ptr<IoPool>> pools_;    // likewise: a slow disk holds up no other's reads
  std::optional<Error> unsafe_;
  std::vector<std::pair<std::string, std::string>> left_out_;  // at start: path, and why
  Mutex runs_mutex_;                                           // before mutex_
  std::uint64_t run_ GUARDED_BY(runs_mutex_) = 0;
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> bodies_{0};

  mutable Mutex mutex_;
  std::condition_variable_any idle_;
  Directory directory_ GUARDED_BY(mutex_);
  DiskStats stats_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
