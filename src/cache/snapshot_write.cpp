#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <unordered_map>

#include "base/check.h"
#include "cache/object_blob.h"
#include "cache/shelf.h"
#include "cache/snapshot.h"
#include "cache/snapshot_format.h"

namespace weir::cache {
namespace {

using namespace snapshot;

constexpr std::size_t kStep = 64;  // keys of which all is read under one lock

std::string_view as_text(const body::Body::Whole& whole) {
  return {reinterpret_cast<const char*>(whole.chunk->data()), whole.size};
}

// Which blocks an object belongs to.
std::uint32_t rank_of(const store::MemoryStore::Standing& standing) {
  if (standing.main || standing.hits > 1) return 0;
  return standing.hits > 0 ? 1 : 2;
}

class Writer {
 public:
  Writer(const store::MemoryStore& store, const SnapshotSettings& settings, int fd)
      : store_(store), settings_(settings), fd_(fd) {
    const auto slabs = store.frozen_slabs();
    for (std::uint32_t i = 0; i < slabs.size(); ++i) slab_of_[slabs[i].fd] = i;
  }

  bool write_slabs() {
    const auto slabs = store_.frozen_slabs();
    BlobWriter out;
    out.number(static_cast<std::uint32_t>(slabs.size()));
    for (const store::SlabFile& slab : slabs) {
      struct stat st {};
      if (::fstat(slab.fd, &st) != 0) return false;
      out.number(slab.bytes);
      out.number(slab.slot_bytes);
      out.number(static_cast<std::uint64_t>(st.st_ino));
    }
    return write_block(kSlabsKind, out.take());
  }

  bool write(const Index::Stored& stored) {
    BlobWriter out;
    std::uint32_t rank = kRanks - 1;
    std::uint32_t objects = 0;
    for (const Ref<Object>& object : stored.objects) {
      if (!describe(*object)) {
        ++counts_.left_out;
        continue;
      }
      const std::string blob = to_blob(stored.key.text, *object);
      record_.blob = blob;
      snapshot::write(out, record_);
      ++objects;
      for (const ChunkRecord& c : record_.chunks) rank = std::min(rank, rank_of(c.standing));
    }
    if (objects == 0) return true;
    counts_.objects += objects;
    std::string& pending = pending_[rank];
    pending.append(reinterpret_cast<const char*>(&objects), sizeof objects).append(out.take());
    return pending.size() < kBlockBytes || flush(rank);
  }

  bool finish() {
    for (std::uint32_t rank = 0; rank < kRanks; ++rank) {
      if (!pending_[rank].empty() && !flush(rank)) return false;
    }
    return put(to_text({place_, blocks_, counts_.objects}), 0) &&
           ::fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
  }
  const SnapshotCounts& counts() const { return counts_; }

 private:
  // Into record_, but for the blob. False: it is not worth it, or there is no room.
  bool describe(const Object& object) {
    const body::Body& body = object.body();
    if (!object.shared() || !body.servable() || !object.freshness().kept(settings_.now)) {
      return false;
    }
    whole_.clear();
    body.whole_chunks(whole_);
    record_.refillable = body.refillable();
    record_.total = body.total().value_or(body::kUnlimited);
    const store::DiskBody* disk = Shelf::disk_body(object);
    record_.disk_body = disk && disk->put() ? std::optional(disk->body()) : std::nullopt;
    record_.chunks.clear();
    std::uint64_t here = 0, copied = 0;
    for (const body::Body::Whole& w : whole_) {
      if (!add(w, copied)) continue;
      here += w.size;
    }
    const bool all = here == record_.total;
    // Without its bytes it is found on the Shelf, or nowhere.
    if (!all && (here == 0 || (!record_.refillable && !record_.disk_body))) return false;
    counts_.chunks += record_.chunks.size();
    counts_.copied_bytes += copied;
    counts_.slab_bytes += here - copied;
    return true;
  }

  bool add(const body::Body::Whole& w, std::uint64_t& copied) {
    ChunkRecord c{.index = w.index, .size = static_cast<std::uint32_t>(w.size), .standing = {}};
    if (w.chunk->fd() < 0) {
      if (counts_.copied_bytes + copied + w.size > settings_.copied_most) return false;
      c.copied = true;
      c.bytes = as_text(w);
      copied += w.size;
    } else {
      const auto slab = slab_of_.find(w.chunk->fd());
      if (slab == slab_of_.end()) return false;  // it came after a freeze
      c.slab = slab->second;
      c.offset = w.chunk->file_offset();
      c.capacity = static_cast<std::uint32_t>(w.chunk->capacity());
    }
    c.standing = store_.standing(*w.chunk);
    record_.chunks.push_back(c);
    return true;
  }

  bool flush(std::uint32_t rank) {
    const bool written = write_block(rank, pending_[rank]);
    pending_[rank].clear();
    return written;
  }

  bool write_block(std::uint32_t kind, std::string_view contents) {
    const std::string header = block_header(place_, kind, contents);
    if (!put(header, place_) || !put(contents, place_ + header.size())) return false;
    place_ += header.size() + contents.size();
    ++blocks_;
    return true;
  }

  bool put(std::string_view text, std::uint64_t at) {
    while (!text.empty()) {
      const ssize_t n = ::pwrite(fd_, text.data(), text.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
      at += static_cast<std::uint64_t>(n);
    }
    return true;
  }

  const store::MemoryStore& store_;
  const SnapshotSettings& settings_;
  const int fd_;
  std::unordered_map<int, std::uint32_t> slab_of_;  // by descriptor
  std::array<std::string, kRanks> pending_;
  std::uint64_t place_ = kHeaderBytes;
  std::uint64_t blocks_ = 0;
  SnapshotCounts counts_;
  std::vector<body::Body::Whole> whole_;
  ObjectRecord record_;
};

}  // namespace

int make_snapshot_file() {
  return ::memfd_create("weir-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

Result<SnapshotCounts> write_snapshot(Index& index, const store::MemoryStore& store,
                                      const SnapshotSettings& settings, int fd) {
  WEIR_CHECK(store.frozen());
  Writer writer(store, settings, fd);
  if (!writer.write_slabs()) return fail(Errc::kSystem, errno);
  for (std::size_t shard = 0; shard < Index::kShards; ++shard) {
    const std::vector<Digest> digests = index.digests(shard);
    for (std::span<const Digest> left = digests; !left.empty();) {
      const std::size_t n = std::min(left.size(), kStep);
      for (const Index::Stored& stored : index.stored(left.first(n))) {
        if (!writer.write(stored)) return fail(Errc::kSystem, errno);
      }
      left = left.subspan(n);
    }
  }
  if (!writer.finish()) return fail(Errc::kSystem, errno);
  return writer.counts();
}

}  // namespace weir::cache
