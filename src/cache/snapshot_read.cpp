#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "cache/object_blob.h"
#include "cache/shelf.h"
#include "cache/snapshot.h"
#include "cache/snapshot_format.h"

namespace weir::cache {
namespace {

using namespace snapshot;
using Fault = HandoverFault;
using Checked = std::expected<void, HandoverRefusal>;

std::unexpected<HandoverRefusal> refuse(Fault reason, std::string_view text) {
  return std::unexpected(HandoverRefusal{reason, text});
}

// The file as memory. It cannot shrink, so all of it can be read at any time.
class Mapping {
 public:
  explicit Mapping(int fd) : fd_(fd) {
    struct stat st {};
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(fd, &st) != 0 || st.st_size <= 0) {
      return;
    }
    const auto bytes = static_cast<std::size_t>(st.st_size);
    void* const at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) text_ = {static_cast<const char*>(at), bytes};
  }
  ~Mapping() {
    if (!text_.empty()) ::munmap(const_cast<char*>(text_.data()), text_.size());
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::string_view text() const { return text_; }
  // The whole pages of `part` are not needed any more.
  void give_back(std::string_view part) const {
    const auto begin = store::page_rounded(static_cast<std::size_t>(part.data() - text_.data()));
    const auto end = static_cast<std::size_t>(part.data() - text_.data()) + part.size();
    if (end / store::kPage * store::kPage <= begin) return;
    ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                static_cast<off_t>(end / store::kPage * store::kPage - begin));
  }

 private:
  const int fd_;
  std::string_view text_;
};

// All that can be known to be right before anything is made of it.
class Check {
 public:
  Check(std::string_view file, std::span<const int> slabs) : file_(file), fds_(slabs) {}

  Checked run() {
    if (Checked ok = header(); !ok) return ok;
    if (Checked ok = find_blocks(); !ok) return ok;
    if (Checked ok = slab_table(); !ok) return ok;
    std::uint64_t objects = 0;
    for (const auto& blocks : ranks_) {
      for (const std::string_view block : blocks) {
        if (!keys(block, objects)) return refuse(Fault::kDamaged, "an object is not sound");
      }
    }
    if (objects != header_.objects) return refuse(Fault::kDamaged, "objects are missing");
    return {};
  }

  std::span<const store::SlabFile> slabs() const { return slabs_; }
  std::span<const std::string_view> blocks(std::uint32_t rank) const { return ranks_[rank]; }

 private:
  Checked header() {
    BlobReader in(file_);
    const auto magic = in.number<std::uint64_t>();
    const auto version = in.number<std::uint32_t>();
    const auto bytes = in.number<std::uint32_t>();
    const auto print = in.number<std::uint64_t>();
    if (!in.good() || magic != kMagic) return refuse(Fault::kFormat, "it is no snapshot");
    if (version != kSnapshotVersion || bytes != kHeaderBytes || print != fingerprint()) {
      return refuse(Fault::kFormat, "the other process is of a version that keeps it otherwise");
    }
    header_.file_bytes = in.number<std::uint64_t>();
    header_.blocks = in.number<std::uint64_t>();
    header_.objects = in.number<std::uint64_t>();
    if (header_.file_bytes != file_.size() || file_.substr(0, kHeaderBytes) != to_text(header_)) {
      return refuse(Fault::kDamaged, "the header is damaged, or the file is not all there");
    }
    return {};
  }

  Checked find_blocks() {
    std::uint64_t place = kHeaderBytes;
    for (std::uint64_t n = 0; n < header_.blocks; ++n) {
      BlobReader in(file_.substr(place));
      const auto kind = in.number<std::uint32_t>();
      const auto zero = in.number<std::uint32_t>();
      const auto bytes = in.number<std::uint64_t>();
      const auto hash = in.number<std::uint64_t>();
      const bool there = in.good() && bytes <= file_.size() - place - kBlockHeaderBytes;
      if (!there || zero != 0 || (kind == kSlabsKind) != (n == 0) || kind > kSlabsKind) {
        return refuse(Fault::kDamaged, "a block is damaged");
      }
      const std::string_view contents = file_.substr(place + kBlockHeaderBytes, bytes);
      if (block_hash(place, kind, contents) != hash) {
        return refuse(Fault::kDamaged, "a block's checksum does not fit");
      }
      (kind == kSlabsKind ? slab_block_ : ranks_[kind].emplace_back()) = contents;
      place += kBlockHeaderBytes + bytes;
    }
    if (place != file_.size()) return refuse(Fault::kDamaged, "there is more than it says");
    return {};
  }

  Checked slab_table() {
    BlobReader in(slab_block_);
    if (in.number<std::uint32_t>() != fds_.size()) {
      return refuse(Fault::kSlabs, "there are more slabs, or less");
    }
    for (const int fd : fds_) {
      const auto bytes = in.number<std::uint64_t>();
      const auto slot = in.number<std::uint64_t>();
      const auto inode = in.number<std::uint64_t>();
      struct stat st {};
      if (::fstat(fd, &st) != 0 || static_cast<std::uint64_t>(st.st_size) != bytes ||
          static_cast<std::uint64_t>(st.st_ino) != inode) {
        return refuse(Fault::kSlabs, "a slab is another one");
      }
      if (!std::has_single_bit(slot) || slot < store::kLeastSlot || slot > body::kChunkSize ||
          bytes % slot != 0) {
        return refuse(Fault::kDamaged, "a slab has no such slots");
      }
      slabs_.push_back({fd, bytes, slot});
      taken_.emplace_back(bytes / slot);
    }
    if (!in.done()) return refuse(Fault::kDamaged, "the table of slabs is damaged");
    return {};
  }

  bool keys(std::string_view block, std::uint64_t& objects) {
    BlobReader in(block);
    while (in.good() && !in.done()) {
      const auto of_key = in.number<std::uint32_t>();
      for (std::uint32_t i = 0; i < of_key && in.good(); ++i, ++objects) {
        read(in, record_);
        if (!in.good() || !sound(record_)) return false;
        if (!std::ranges::all_of(record_.chunks, [&](const auto& c) { return takes(c); })) {
          return false;
        }
      }
    }
    return in.done();
  }

  // Whether the slot is one, and nobody's yet.
  bool takes(const ChunkRecord& c) {
    if (c.copied) return true;
    if (c.slab >= slabs_.size()) return false;
    const store::SlabFile& slab = slabs_[c.slab];
    if (std::max<std::uint64_t>(std::bit_ceil(c.capacity), store::kLeastSlot) != slab.slot_bytes ||
        c.offset % slab.slot_bytes != 0 || c.offset >= slab.bytes) {
      return false;
    }
    auto slot = taken_[c.slab][c.offset / slab.slot_bytes];
    const bool taken = slot;
    slot = true;
    return !taken;
  }

  const std::string_view file_;
  const std::span<const int> fds_;
  Header header_;
  std::string_view slab_block_;
  std::array<std::vector<std::string_view>, kRanks> ranks_;
  std::vector<store::SlabFile> slabs_;
  std::vector<std::vector<bool>> taken_;
  ObjectRecord record_;
};

// Makes objects of a file that was found to be good.
class Maker {
 public:
  Maker(Index& index, store::MemoryStore& store, Shelf* shelf)
      : index_(index), store_(store), shelf_(shelf), born_(index.purges()) {}

  void make_all(std::string_view block) {
    BlobReader in(block);
    while (in.good() && !in.done()) {
      const auto of_key = in.number<std::uint32_t>();
      for (std::uint32_t i = 0; i < of_key && in.good(); ++i) {
        read(in, record_);
        if (!in.good() || !sound(record_)) return;
        if (make()) {
          ++counts_.objects;
        } else {
          ++counts_.left_out;
        }
      }
    }
  }
  const SnapshotCounts& counts() const { return counts_; }

 private:
  bool make() {
    auto content = from_blob(record_.blob);
    if (!content) return false;
    const Key key = key_of(std::move(content->key));
    ObjectParts& parts = content->parts;
    // Whatever was purged before is not here; every later purge concerns it.
    parts.purges = born_;
    parts.body = body(key, parts);
    if (!parts.body || !parts.body->servable() || parts.body->empty_of_chunks()) return false;
    const auto object = make_ref<Object>(std::move(parts));
    index_.restore(key, object);
    return index_.holds(key, *object);
  }

  // All that is there of it, or null: half a body is not worth a slot that cannot be given back.
  Ref<body::Body> body(const Key& key, const ObjectParts& parts) {
    std::uint64_t needed = 0, here = 0;
    body::BodyOptions options;
    options.meta_bytes = Object::footprint(parts, key);
    for (const ChunkRecord& c : record_.chunks) {
      here += c.size;
      needed += options.meta_bytes + kChunkOverhead +
                (c.copied ? c.size : store::page_rounded(c.capacity));
    }
    if (!store_.has_room(needed)) return {};
    options.id = key.digest;
    if (record_.total != body::kUnlimited) options.total = record_.total;
    options.refillable = record_.refillable;
    if (shelf_ && record_.disk_body) options.backing = shelf_->reopen(key, *record_.disk_body);
    if (here != record_.total && !options.refillable) {
      if (!options.backing) return {};
      options.restored = true;  // the disk has what is not here
    }
    if (options.total.value_or(0) > store_.keep_limit())
      options.lead_limit = store_.keep_limit() / 4;
    auto made = store_.create(options);
    for (const ChunkRecord& c : record_.chunks) {
      if (!put(*made, c) && !options.refillable) return {};
    }
    return made;
  }

  bool put(body::Body& body, const ChunkRecord& c) {
    const auto bytes = std::as_bytes(std::span(c.bytes));
    Ref<body::Chunk> chunk =
        c.copied ? store_.adopt_bytes(body, c.index, bytes, c.standing)
                 : store_.adopt_slot(body, c.index, c.slab, c.offset, c.capacity, c.standing);
    if (!chunk) return false;
    body.put(c.index, std::move(chunk), c.size);
    ++counts_.chunks;
    (c.copied ? counts_.copied_bytes : counts_.slab_bytes) += c.size;
    return true;
  }

  static constexpr std::uint64_t kChunkOverhead = 512;  // more than it is

  Index& index_;
  store::MemoryStore& store_;
  Shelf* const shelf_;
  const std::uint64_t born_;
  SnapshotCounts counts_;
  ObjectRecord record_;
};

}  // namespace

std::expected<SnapshotCounts, HandoverRefusal> read_snapshot(int fd, std::span<const int> slabs,
                                                             Index& index,
                                                             store::MemoryStore& store,
                                                             Shelf* shelf) {
  const Mapping file(fd);
  if (file.text().empty()) return refuse(Fault::kFile, "there is no file, or it is not sealed");
  Check check(file.text(), slabs);
  if (const Checked ok = check.run(); !ok) return std::unexpected(ok.error());
  if (const auto done = store.adopt(check.slabs()); !done) {
    if (done.error() == store::SlabFault::kNotASlab) {
      return refuse(Fault::kSlabs, "a slab is not sealed");
    }
    return refuse(Fault::kNoMemory, "the slabs cannot be mapped");
  }
  Maker maker(index, store, shelf);
  for (std::uint32_t rank = 0; rank < kRanks; ++rank) {
    for (const std::string_view block : check.blocks(rank)) {
      maker.make_all(block);
      file.give_back(block);
    }
  }
  return maker.counts();
}

}  // namespace weir::cache
