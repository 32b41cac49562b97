#pragma once
// What can be read of a DiskStore, each a job of its IoPool.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/io_pool.h"

namespace weir::store {

class DiskBody;
class DiskStore;

// A body as its description on disk says.
struct StoredObject {
  std::uint64_t body = 0;
  std::optional<std::uint64_t> total;
  bool refillable = false;
  bool whole = false;  // every byte is on disk
  std::string description;
};

// All that is known of a key.
class ReadObjects final : public IoJob {
 public:
  ReadObjects(DiskStore& store, const Digest& key, Executor& executor, Task& task)
      : IoJob(executor, task), store_(store), key_(key) {}
  // When done(). The newest first.
  std::vector<StoredObject>& objects() { return objects_; }

 private:
  void perform() noexcept override;

  DiskStore& store_;
  const Digest key_;
  std::vector<StoredObject> objects_;
};

// One chunk, into memory that must stay until it is done(): use forget_and_wait().
class ReadChunk final : public IoJob {
 public:
  ReadChunk(Ref<DiskBody> body, std::uint32_t index, std::span<std::byte> to, Executor& executor,
            Task& task);
  ~ReadChunk() override;
  // When done(): all of `to` was filled and its checksum is right. EBADMSG: the bytes were damaged;
  // ENOENT: they are not there (any more).
  const Result<void>& result() const { return result_; }

 private:
  void perform() noexcept override;

  const Ref<DiskBody> body_;
  const std::uint32_t index_;
  const std::span<std::byte> to_;
  Result<void> result_;
};

}  // namespace weir::store
