#pragma once
// How a snapshot is laid out. Private to cache/snapshot_*.cpp.
//
//   header   kHeaderBytes: kMagic, kSnapshotVersion, fingerprint, bytes of the file, blocks,
//   objects,
//            hash of all before it
//   blocks   one behind the other, up to the end of the file: kind, 0, bytes, hash of the contents
//            (seeded with place, kind and size); the contents
//
// The first block is the slabs': a count, and of each bytes, bytes of a slot, inode. The others
// have keys: a count of objects, and the objects, each with a blob (object_blob.h), what is known
// of its body, and its chunks. Their kind says how soon they are to be read: the most used ones
// first.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "body/body.h"
#include "cache/blob.h"
#include "store/memory_store.h"

namespace weir::cache::snapshot {

inline constexpr std::uint64_t kMagic = 0x004d524157524957;  // "WIRWARM", little-endian
inline constexpr std::uint32_t kSnapshotVersion = 1;
inline constexpr std::size_t kHeaderBytes = 64;
inline constexpr std::size_t kBlockHeaderBytes = 24;
inline constexpr std::size_t kBlockBytes = 1024 * 1024;  // about; a key is in one block
inline constexpr std::uint32_t kRanks = 3;               // kinds of blocks with keys: 0, 1, 2
inline constexpr std::uint32_t kSlabsKind = 3;

// Of all that both sides must have alike, beside the version.
std::uint64_t fingerprint();

struct Header {
  std::uint64_t file_bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t objects = 0;
};
std::string to_text(const Header& header);

std::string block_header(std::uint64_t place, std::uint32_t kind, std::string_view contents);
std::uint64_t block_hash(std::uint64_t place, std::uint32_t kind, std::string_view contents);

struct ChunkRecord {
  std::uint32_t index = 0;
  std::uint32_t size = 0;  // bytes that are used
  store::MemoryStore::Standing standing;
  bool copied = false;
  std::string_view bytes = {};  // if copied; else where it is:
  std::uint32_t slab = 0;
  std::uint32_t capacity = 0;
  std::uint64_t offset = 0;
};

struct ObjectRecord {
  std::string_view blob;  // good while what it was read from is there
  bool refillable = false;
  std::optional<std::uint64_t> disk_body;  // DiskBody::body() of one that is on disk
  std::uint64_t total = body::kUnlimited;
  std::vector<ChunkRecord> chunks;
};

void write(BlobWriter& out, const ObjectRecord& object);
// Into one that may be used again. What is not there makes `in` bad.
void read(BlobReader& in, ObjectRecord& object);
// Whether the chunks can be those of such a body: nothing is said of the slots.
bool sound(const ObjectRecord& object);

}  // namespace weir::cache::snapshot
