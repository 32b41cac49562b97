#pragma once
// Records: what region files are made of, as bytes. FORMAT.md describes every one of them. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/hash.h"

namespace weir::store {

inline constexpr std::uint32_t kFormatVersion = 1;

enum class RecordKind : std::uint8_t {
  kChunk = 1,      // bytes of a body
  kObject = 2,     // what describes a body; the newest of a body, or of a variant, counts
  kTombstone = 3,  // a body, or all of a key, that was recorded before is no more
  kContents = 4,   // the table of contents of a sealed region
};

struct Record {
  RecordKind kind = RecordKind::kTombstone;
  bool refillable = false;     // kObject: the origin can be asked for missing bytes
  std::uint32_t length = 0;    // of the payload, bytes
  std::uint64_t sequence = 0;  // rises with each record of a store, over all its disks
  Digest key;
  std::uint64_t body = 0;   // names the body; kTombstone: 0 for all of the key
  std::uint64_t part = 0;   // kChunk: its index; kObject: names the variant
  std::uint64_t total = 0;  // of the body, as far as known; ~0: unknown

  friend bool operator==(const Record&, const Record&) = default;
};

// A record's header and a line of a table of contents are the same but for what stands behind them.
inline constexpr std::size_t kRecordHeaderBytes = 80;
inline constexpr std::size_t kEntryBytes = 64;
inline constexpr std::size_t kRegionHeaderBytes = 64;
inline constexpr std::size_t kFooterBytes = 32;

using RecordHeader = std::array<std::byte, kRecordHeaderBytes>;

// What a record takes of its region: header, payload, padding up to a multiple of 8.
constexpr std::uint64_t record_bytes(std::uint64_t payload) {
  return kRecordHeaderBytes + (payload + 7) / 8 * 8;
}

// `salt`: of the region, so that what stood in the same blocks before is never taken for its own.
void encode(const Record& record, std::uint64_t payload_sum, std::uint64_t salt, RecordHeader& to);
struct DecodedRecord {
  Record record;
  std::uint64_t payload_sum;
};
// Nothing: that is no record of this region.
std::optional<DecodedRecord> decode_record(std::span<const std::byte> header, std::uint64_t salt);

struct Entry {
  Record record;
  std::uint32_t offset = 0;  // of the header
};
void encode(const Entry& entry, std::span<std::byte, kEntryBytes> to);
std::optional<Entry> decode_entry(std::span<const std::byte> line);

struct RegionHeader {
  std::uint32_t id = 0;
  std::uint64_t salt = 0;
  std::uint64_t disk = 0;  // names the disk the region belongs to
};
void encode(const RegionHeader& header, std::span<std::byte, kRegionHeaderBytes> to);
// Whether what is no region of this version may be one of another.
bool of_another_version(std::span<const std::byte> bytes);
// Nothing: no region, or of another version.
std::optional<RegionHeader> decode_region_header(std::span<const std::byte> bytes);

struct Footer {
  std::uint64_t contents_at = 0;  // offset of the kContents record
  std::uint64_t entries = 0;
};
void encode(const Footer& footer, std::uint64_t salt, std::span<std::byte, kFooterBytes> to);
std::optional<Footer> decode_footer(std::span<const std::byte> bytes, std::uint64_t salt);

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed = 0) {
  return hash64(as_text(bytes), seed);
}

}  // namespace weir::store
