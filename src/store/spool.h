#pragma once
// Spool: room on disk for responses that are not kept and whose clients are slow: chunks in one
// file without a name, mapped one by one. The bytes pass through the page cache: what is read and
// freed soon is never written to the disk. Any thread.
//
//   unused --allocate: blocks reserved, mapped--> in use --last Ref gone: unmapped, punched-->
//   unused

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "body/chunk.h"

namespace weir::store {

struct SpoolStats {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;     // bytes of chunks
  std::uint64_t refused = 0;  // no room, or the disk gave none
};

class Spool {
 public:
  // The file is made in `directory`; `limit` in bytes. Errors: what the kernel said.
  static Result<std::unique_ptr<Spool>> open(const std::string& directory, std::uint64_t limit);
  ~Spool();  // no chunk is in use any more
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Null: there is no room. `pressing`: the limit may be exceeded by an eighth, so that an origin
  // that has to be read from now and then can be.
  Ref<body::Chunk> allocate(std::size_t size, bool pressing);
  bool owns(const body::Chunk& chunk) const { return chunk.fd() == fd_; }
  // As ChunkSource: woken once, when a chunk was freed.
  void wait_for_room(body::Waiter& waiter);
  void forget(body::Waiter& waiter) noexcept;
  SpoolStats stats() const;

 private:
  class SpoolChunk;
  Spool(int fd, std::uint64_t limit);
  bool take_slot(bool pressing, std::uint64_t& offset);
  void give_slot(std::uint64_t offset, bool refused) noexcept;

  const int fd_;
  mutable Mutex mutex_;
  SpoolStats stats_ GUARDED_BY(mutex_);
  std::vector<std::uint64_t> unused_ GUARDED_BY(mutex_);  // offsets of slots below end_
  std::uint64_t end_ GUARDED_BY(mutex_) = 0;
  std::vector<body::Waiter*> waiters_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
