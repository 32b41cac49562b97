#pragma once
// Spool: room on disk for responses that are not kept and whose clients are slow: chunks in one
// file without a name. No caller ever waits for that disk: bytes come and go through memory of the
// spool's own, a thread writes, two read.
//
//   unused --allocate--> filling --seal--> to be written --> in the file --last Ref gone--> punched
//     ^                  (memory)          (memory) |  ^     (no memory)                       |
//     |                                      failed v  | when something was freed or written   |
//     |                                           stuck                                        |
//     +----------------------------------------------------------------------------------------+
//
// What is in the file is read back a piece at a time when a reader asks for it, and the next one
// when it got that. Pieces stay till their memory is wanted: those first that were read already,
// the oldest first. So a slow reader holds no memory that another needs, and the page cache may
// have the bytes, so that asking again is cheap: what is read and freed soon is never written to
// the disk. Each piece has a checksum: what the disk changed, or lost after it had taken it, is not
// given out but lost.
//
// Why it is neither mapped nor asked (mincore): a mapping can fault after it was asked, a lease
// that waits for a socket the more so, and then waits for the disk, or is SIGBUS where that cannot
// be read. Any thread.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/list.h"
#include "base/mutex.h"
#include "body/chunk.h"
#include "store/blocks.h"
#include "store/file_system.h"

namespace weir::store {

class SpoolBuffer;
class SpoolChunk;

struct SpoolStats {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;     // bytes of chunks
  std::uint64_t memory = 0;   // of chunks that are filled, or wait to be written
  std::uint64_t refused = 0;  // no room, no memory free, or the disk took none
};

class Spool {
 public:
  struct Settings {
    std::string directory;     // where the file is, for the log
    std::uint64_t limit = 0;   // bytes in the file
    std::uint64_t memory = 0;  // bytes; three quarters for what is written; at least kLeastMemory
  };
  static constexpr std::uint64_t kLeastMemory = 2 * body::kChunkSize;
  static constexpr std::size_t kPiece = 128 * 1024;  // what is read back at a time

  // `file` is empty and nobody else's.
  Spool(std::unique_ptr<File> file, const Settings& settings);
  ~Spool();  // no chunk and no lease is in use any more; blocks on the disk
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Null: there is no room, or all memory is in use. `pressing`: the limit may be exceeded by an
  // eighth, so that an origin that has to be read from now and then can be.
  Ref<body::Chunk> allocate(std::size_t size, bool pressing);
  static bool owns(const body::Chunk& chunk);
  // As ChunkSource: woken once, when a chunk or memory was freed.
  void wait_for_room(body::Waiter& waiter);
  void forget(body::Waiter& waiter) noexcept;
  SpoolStats stats() const;

 private:
  friend class SpoolBuffer;
  friend class SpoolChunk;
  struct Write;
  struct Load;

  std::byte* take_room(bool pressing, std::uint64_t& offset);
  void give(const SpoolBuffer& buffer) noexcept;
  void retire(SpoolChunk& chunk) noexcept;
  void want(SpoolChunk& chunk, std::size_t piece) REQUIRES_LOCK(mutex_);
  void start_threads() REQUIRES_LOCK(mutex_);
  void free_slot(std::uint64_t offset) noexcept REQUIRES_LOCK(mutex_);
  void try_stuck() noexcept REQUIRES_LOCK(mutex_);
  void wake_waiters() noexcept REQUIRES_LOCK(mutex_);
  Ref<SpoolBuffer> steal() REQUIRES_LOCK(mutex_);

  // The threads' side, spool_io.cpp.
  void run_writer();
  bool next_write(Write& write);
  void punch(std::uint64_t offset);
  void perform(Write& write);
  void run_reader();
  bool next_load(Load& load);
  void perform(Load& load);

  const std::unique_ptr<File> file_;
  const std::string directory_;

  mutable Mutex mutex_;  // a leaf but for Waiter::wake
  SpoolStats stats_ GUARDED_BY(mutex_);
  Blocks chunks_ GUARDED_BY(mutex_);                      // memory of what is filled and written
  Blocks pieces_ GUARDED_BY(mutex_);                      // memory of what is read back
  std::vector<std::uint64_t> unused_ GUARDED_BY(mutex_);  // offsets of slots below end_
  std::uint64_t end_ GUARDED_BY(mutex_) = 0;
  std::vector<body::Waiter*> waiters_ GUARDED_BY(mutex_);
  List<SpoolChunk> to_write_ GUARDED_BY(mutex_);
  List<SpoolChunk> stuck_ GUARDED_BY(mutex_);  // that the disk would not take
  List<SpoolChunk> to_load_ GUARDED_BY(mutex_);
  std::vector<std::uint64_t> to_punch_ GUARDED_BY(mutex_);
  List<SpoolBuffer> fresh_ GUARDED_BY(mutex_);  // pieces that nobody has read yet, the oldest first
  List<SpoolBuffer> taken_ GUARDED_BY(mutex_);  // that were; the one that was first is first
  bool faulty_ GUARDED_BY(mutex_) = false;      // the last write failed
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::condition_variable_any write_work_;
  std::condition_variable_any load_work_;
  std::vector<std::thread> threads_;  // last: they use the rest; under mutex_ until the end
};

}  // namespace weir::store
