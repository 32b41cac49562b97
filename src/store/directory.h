#pragma once
// Directory: what is on the disks, in memory: for each key its bodies, for each body where its
// description and its chunks are. Rebuilt from the regions at start; the payloads stay on disk.
//
// What counts: of a body the newest object record; of a variant of a key the newest body; nothing
// that an equally placed, later tombstone names. Not thread safe: its owner locks.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "store/record.h"

namespace weir::store {

// A record on disk. `region` has the disk's number in its upper 8 bits, so that 0 is nowhere.
struct Place {
  std::uint32_t region = 0;
  std::uint32_t offset = 0;  // of its header
  std::uint32_t length = 0;  // of its payload
  std::uint8_t hits = 0;     // reads since it was written, up to 3

  explicit operator bool() const { return region != 0; }
  bool is_at(std::uint32_t r, std::uint32_t o) const { return region == r && offset == o; }
  std::uint8_t disk() const { return static_cast<std::uint8_t>(region >> kDiskShift); }
  static constexpr unsigned kDiskShift = 24;
};

Place place_of(const Entry& entry, std::uint8_t disk, std::uint32_t region);

// A body that is on disk, or on its way there.
class StoredBody {
 public:
  std::uint64_t body = 0;
  std::uint64_t variant = 0;
  std::uint64_t total = ~std::uint64_t{0};
  std::uint64_t sequence = 0;  // of its object record; 0: not written yet
  Place object;                // its description; nowhere: not written yet
  std::uint16_t users = 0;     // DiskBodies: it is in memory, too
  std::uint16_t pending = 0;   // records that are to be written
  std::uint8_t disk = 0;
  bool refillable = false;

  const Place* chunk(std::uint32_t index) const;
  Place* chunk(std::uint32_t index);
  void set_chunk(std::uint32_t index, const Place& place);
  void remove_chunk(std::uint32_t index);
  void remove_chunks_of(std::uint32_t region);
  bool has_chunks() const { return first_ || (more_ && !more_->empty()); }
  std::size_t chunks() const { return (first_ ? 1u : 0u) + (more_ ? more_->size() : 0u); }
  // Nobody can make anything of it: no bytes, none to come.
  bool worthless() const { return users == 0 && pending == 0 && !has_chunks() && total != 0; }
  // Every byte of a known total is on disk.
  bool whole() const;
  // Chunks in a row from `index` on.
  std::uint32_t run(std::uint32_t index, std::uint32_t most) const;
  // The first index from `index` on that is on disk; ~0: none.
  std::uint32_t next_chunk(std::uint32_t index) const;

 private:
  friend class Directory;
  Place first_;  // chunk 0: a small body is this one
  std::unique_ptr<std::map<std::uint32_t, Place>> more_;
  std::unique_ptr<StoredBody> next_;  // of the same key
};

class Directory {
 public:
  struct Dropped {
    std::uint64_t body;
    std::uint8_t disk;
  };

  StoredBody* find(const Digest& key, std::uint64_t body);
  // Bodies of the key, in no order.
  template <class Visit>
  void each(const Digest& key, Visit visit) const {
    const auto it = keys_.find(key);
    const StoredBody* b = it == keys_.end() ? nullptr : &it->second;
    for (; b; b = b->next_.get()) visit(*b);
  }
  template <class Visit>
  void each(const Digest& key, Visit visit) {
    const auto it = keys_.find(key);
    StoredBody* b = it == keys_.end() ? nullptr : &it->second;
    for (; b; b = b->next_.get()) visit(*b);
  }
  template <class Visit>
  void each(Visit visit) const {
    for (const auto& [key, first] : keys_) {
      for (const StoredBody* b = &first; b; b = b->next_.get()) visit(key, *b);
    }
  }

  static constexpr std::size_t kBodiesMost = 64;  // of a key

  // The body's place in the directory, made if need be. Another body of the same variant goes, and
  // one of a key that has too many; they are put on `dropped`.
  StoredBody& put(const Digest& key, std::uint64_t body, std::uint64_t variant, std::uint8_t disk,
                  std::vector<Dropped>& dropped);
  bool remove(const Digest& key, std::uint64_t body);
  std::vector<Dropped> remove_key(const Digest& key);
  void remove_worthless();  // after recovery
  // Of a disk that was taken out.
  void remove_disk(std::uint8_t disk);
  // Of a region that cannot be read, its number as in Place.
  void remove_region(std::uint32_t region);

  // Recovery: the records of one disk's regions in the order of their numbers: first all with
  // `chunks` false, then all with true.
  void recover(std::span<const Entry> entries, std::uint8_t disk, std::uint32_t region,
               bool chunks);
  void recover_object(const Record& record, const Place& place);
  void recover_tombstone(const Record& record, std::uint8_t disk);
  void recover_chunk(const Record& record, const Place& place);

  std::size_t keys() const { return keys_.size(); }
  std::size_t bodies() const { return bodies_; }
  // About what it takes of memory, but for chunks beyond a body's first (some 80 bytes a MiB).
  std::uint64_t bytes() const {
    constexpr std::uint64_t kNode = 2 * sizeof(void*) + sizeof(Digest) + 2 * sizeof(void*);
    return keys_.size() * kNode + bodies_ * (sizeof(StoredBody) + 2 * sizeof(void*));
  }
  void reserve(std::size_t keys) { keys_.reserve(keys); }

 private:
  template <class Which>
  void remove_all(Which which);
  void drop_beyond(StoredBody& first, std::vector<Dropped>& dropped);

  std::unordered_map<Digest, StoredBody, DigestHash> keys_;
  std::size_t bodies_ = 0;
};

// Part of the 400 bytes that a small object may cost beyond its bytes.
static_assert(sizeof(StoredBody) <= 96);

}  // namespace weir::store
