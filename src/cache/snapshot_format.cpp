#include "cache/snapshot_format.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/hash.h"
#include "cache/object_blob.h"
#include "cache/snapshot.h"
#include "store/record.h"
#include "store/slab.h"

namespace weir::cache {

std::string_view name(HandoverFault fault) {
  switch (fault) {
    case HandoverFault::kFile:
      return "file";
    case HandoverFault::kFormat:
      return "format";
    case HandoverFault::kDamaged:
      return "damaged";
    case HandoverFault::kSlabs:
      return "slabs";
    case HandoverFault::kNoMemory:
      return "no_memory";
  }
  return "";
}

namespace snapshot {

std::uint64_t fingerprint() {
  const std::array<std::uint64_t, 8> all = {store::kPage,      store::kLeastSlot, body::kChunkSize,
                                            body::kMaxTotal,   kBlobVersion,      kHeaderBytes,
                                            kBlockHeaderBytes, 0x0102030405060708};
  return hash64(store::as_text(std::as_bytes(std::span(all))), kSnapshotVersion);
}

std::string to_text(const Header& header) {
  BlobWriter out;
  out.number(kMagic);
  out.number(kSnapshotVersion);
  out.number(static_cast<std::uint32_t>(kHeaderBytes));
  out.number(fingerprint());
  out.number(header.file_bytes);
  out.number(header.blocks);
  out.number(header.objects);
  std::string text = out.take();
  text.resize(kHeaderBytes - sizeof(std::uint64_t));
  const std::uint64_t hash = hash64(text);
  return text.append(reinterpret_cast<const char*>(&hash), sizeof hash);
}

std::uint64_t block_hash(std::uint64_t place, std::uint32_t kind, std::string_view contents) {
  const std::array<std::uint64_t, 3> where = {place, kind, contents.size()};
  return hash64(contents, hash64(store::as_text(std::as_bytes(std::span(where)))));
}

std::string block_header(std::uint64_t place, std::uint32_t kind, std::string_view contents) {
  BlobWriter out;
  out.number(kind);
  out.number(std::uint32_t{0});
  out.number(static_cast<std::uint64_t>(contents.size()));
  out.number(block_hash(place, kind, contents));
  return out.take();
}

namespace {

constexpr std::uint8_t kMain = 1, kCopied = 2;  // and hits, from the third bit on

}  // namespace

void write(BlobWriter& out, const ObjectRecord& object) {
  out.text(object.blob);
  out.number(static_cast<std::uint8_t>(object.refillable));
  out.number(static_cast<std::uint8_t>(object.disk_body.has_value()));
  out.number(object.disk_body.value_or(0));
  out.number(object.total);
  out.number(static_cast<std::uint32_t>(object.chunks.size()));
  for (const ChunkRecord& c : object.chunks) {
    out.number(c.index);
    out.number(static_cast<std::uint8_t>((c.standing.main ? kMain : 0) | (c.copied ? kCopied : 0) |
                                         c.standing.hits << 2));
    if (c.copied) {
      out.text(c.bytes);
      continue;
    }
    out.number(c.size);
    out.number(c.slab);
    out.number(c.capacity);
    out.number(c.offset);
  }
}

void read(BlobReader& in, ObjectRecord& object) {
  object.blob = in.text();
  object.refillable = in.flag();
  const bool on_disk = in.flag();
  const auto disk_body = in.number<std::uint64_t>();
  object.disk_body = on_disk ? std::optional(disk_body) : std::nullopt;
  object.total = in.number<std::uint64_t>();
  const auto chunks = in.number<std::uint32_t>();
  object.chunks.clear();
  for (std::uint32_t i = 0; i < chunks && in.good(); ++i) {
    ChunkRecord& c = object.chunks.emplace_back();
    c.index = in.number<std::uint32_t>();
    const auto flags = in.number<std::uint8_t>();
    c.copied = (flags & kCopied) != 0;
    c.standing = {(flags & kMain) != 0, static_cast<std::uint8_t>(flags >> 2)};
    if (c.standing.hits > 3) in.fail();
    if (c.copied) {
      c.bytes = in.text();
      c.size = static_cast<std::uint32_t>(c.bytes.size());
      continue;
    }
    c.size = in.number<std::uint32_t>();
    c.slab = in.number<std::uint32_t>();
    c.capacity = in.number<std::uint32_t>();
    c.offset = in.number<std::uint64_t>();
  }
}

bool sound(const ObjectRecord& object) {
  if (object.total != body::kUnlimited && object.total > body::kMaxTotal) return false;
  std::uint64_t next = 0;
  for (const ChunkRecord& c : object.chunks) {
    const std::uint64_t begin = c.index * body::kChunkSize;
    if (c.index < next || begin >= object.total) return false;
    next = std::uint64_t{c.index} + 1;
    if (c.size != std::min(body::kChunkSize, object.total - begin)) return false;
    if (c.copied ? c.size >= store::kLeastSlot
                 : c.capacity < store::kLeastSlot || c.capacity > body::kChunkSize ||
                       c.size > c.capacity) {
      return false;
    }
  }
  return true;
}

}  // namespace snapshot
}  // namespace weir::cache
