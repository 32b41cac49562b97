#pragma once
// Region: one append-only file of records. While it is open records are added at its end; sealed it
// ends in a table of contents and a footer. FORMAT.md has the bytes.
//
//   made --append()...--> open --seal(): contents, footer, truncate--> sealed --unlinked--> gone
//
// Threads: any may read; one at a time appends. The file is closed with the last Ref, so who reads
// from a region that was unlinked meanwhile still gets its bytes.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "store/file_system.h"
#include "store/record.h"

namespace weir::store {

class Region : public RefCounted<Region> {
 public:
  Region(const RegionHeader& header, std::unique_ptr<File> file, std::uint64_t end, bool sealed)
      : header_(header), file_(std::move(file)), end_(end), sealed_(sealed) {}

  std::uint32_t id() const { return header_.id; }
  std::uint64_t salt() const { return header_.salt; }
  std::uint64_t disk() const { return header_.disk; }
  File& file() { return *file_; }
  std::uint64_t end() const { return end_.load(std::memory_order_relaxed); }  // bytes in use
  bool sealed() const { return sealed_.load(std::memory_order_relaxed); }
  void set_end(std::uint64_t end) { end_.store(end, std::memory_order_relaxed); }
  void mark_sealed() { sealed_ = true; }

  // Ends the region with the contents `entries`. The appender's thread.
  Result<void> seal(std::span<const Entry> entries);
  // What sealing will add.
  static std::uint64_t seal_bytes(std::size_t entries) {
    return record_bytes(entries * kEntryBytes) + kFooterBytes;
  }

 private:
  const RegionHeader header_;
  const std::unique_ptr<File> file_;
  std::atomic<std::uint64_t> end_;
  std::atomic<bool> sealed_;
};

// "region-0000002a"
std::string region_name(std::uint32_t id);
// The id in such a name; 0: it is none.
std::uint32_t region_id(std::string_view name);

// A new file with a header. Errors: the kernel's; nothing is left behind.
Result<Ref<Region>> make_region(FileSystem& files, const std::string& path,
                                const RegionHeader& header, std::uint64_t reserve);
// EINVAL: no region of this version.
Result<Ref<Region>> open_region(FileSystem& files, const std::string& path, FileSystem::Open how);

struct Survey {
  std::vector<Entry> entries;  // in the order of the file
  std::uint64_t end = 0;       // where the next record would go
  bool sealed = false;         // there was a good table of contents
  std::uint64_t torn = 0;      // bytes that are no record: a cut tail, or damage
  std::uint64_t damaged = 0;   // records whose payload is not what was written
};
// What is in a region: by its contents, or, where it is not sealed (or `verify`), by reading it
// all. Errors: reads that fail.
Result<Survey> survey(Region& region, bool verify);

// The payload of the record at `offset`, its header and both checksums compared. EBADMSG: the bytes
// are not those that were written, or those of another record.
Result<Record> read_record(Region& region, std::uint32_t offset, std::span<std::byte> payload);

}  // namespace weir::store
