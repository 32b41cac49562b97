#pragma once
// FileSystem: all that the disk store asks of files, in one place, so that tests can make each of
// it fail: short writes, EIO, ENOSPC, torn records, flipped bits. The real one is posix_files().
//
// Threads: any, also several on one File at a time. Every call may block on the disk: never on a
// worker. Errors: Errc::kSystem with the errno.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::store {

using Bytes = std::span<const std::byte>;

class File {
 public:
  virtual ~File() = default;
  // Fills `to` from `offset` on. Returns how much there was: less only at the end of the file.
  virtual Result<std::size_t> read(std::span<std::byte> to, std::uint64_t offset) = 0;
  // The pieces one after the other. Returns how much was taken, which may be less than all.
  virtual Result<std::size_t> write(std::span<const Bytes> pieces, std::uint64_t offset) = 0;
  virtual Result<void> sync() = 0;  // fdatasync
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<void> reserve(std::uint64_t size) = 0;  // blocks for so many bytes, size unchanged
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> punch(std::uint64_t offset, std::uint64_t bytes) = 0;  // no blocks there
  virtual void will_need(std::uint64_t offset, std::uint64_t bytes) = 0;      // a hint
  virtual void write_back(std::uint64_t offset, std::uint64_t bytes) = 0;     // a hint: begin to
};

class FileSystem {
 public:
  enum class Open : std::uint8_t { kRead, kWrite, kCreate };  // kCreate: new, for both; EEXIST

  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;
  // New, for both, on the disk of `directory`; it is gone with the File.
  virtual Result<std::unique_ptr<File>> open_nameless(const std::string& directory) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names
  virtual Result<void> remove(const std::string& path) = 0;          // open Files stay good
  virtual Result<void> make_directory(const std::string& path) = 0;  // there already: fine
  virtual Result<void> sync_directory(const std::string& path) = 0;
  // Bytes that may still be written on the disk of `path`. Quotas may allow less.
  virtual Result<std::uint64_t> space(const std::string& path) = 0;
  // Keeps others (processes, too) from the same path while the File lives. EWOULDBLOCK: taken.
  virtual Result<std::unique_ptr<File>> lock(const std::string& path) = 0;
};

FileSystem& posix_files();

// write() until all is written. A write that takes nothing is ENOSPC.
Result<void> write_all(File& file, std::span<const Bytes> pieces, std::uint64_t offset);
// read() of all of `to`; EIO where the file is shorter.
Result<void> read_all(File& file, std::span<std::byte> to, std::uint64_t offset);

}  // namespace weir::store
