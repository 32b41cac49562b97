#pragma once
// Shelf: the objects on disk, behind the Index. The Index holds what is in memory; what leaves
// memory stays on the Shelf and comes back when it is asked for. So a start needs to read no
// object.
//
//   kept() --> written behind     the store evicts its last chunk: the Index forgets, the Shelf not
//   on the Shelf alone --ReadObjects, restore()--> in the Index again
//
// Any thread. Whoever takes an object away tells the Shelf first and the Index then, so that
// nothing that is read back meanwhile survives in either.

#include <optional>
#include <vector>

#include "cache/key.h"
#include "cache/object.h"
#include "cache/purge_log.h"
#include "store/disk_store.h"
#include "store/store.h"

namespace weir::cache {

class Index;

struct ShelfSettings {
  std::uint64_t object_min = 0;  // smaller bodies are not stored; bytes
  std::uint64_t object_max = ~std::uint64_t{0};
  bool second_hit = false;  // only what was asked for again
};

class Shelf {
 public:
  Shelf(store::DiskStore& disks, PurgeLog& purges, store::Store& memory,
        const ShelfSettings& settings)
      : disks_(disks), purges_(purges), memory_(memory), settings_(settings) {}

  store::DiskStore& disks() const { return disks_; }
  PurgeLog& purges() const { return purges_; }

  // For a body that is about to be kept; null: it will not be stored. `total`: as far as known.
  Ref<body::Backing> backing(const Key& key, std::optional<std::uint64_t> total) const;

  // By the Index. kept: also a new description of a body that is here.
  void kept(const Key& key, const Object& object);
  void forgotten(const Digest& key, const Object& object);
  // Its length, which was not known, is known now. `index`: where a newer object of the same body
  // may be, made by a 304.
  void finished(const Key& key, const Object& object, const Index& index);
  // `known`: the Index has something of the key, or soon will. Returns how many objects
  // of it are not in memory; some of them may have been purged otherwise before.
  std::size_t purged(const Key& key, const Purging& purging, bool known);

  // It answered from memory: may be reason enough to store it now.
  void hit(const Key& key, const Object& object, const Index& index) {
    const store::DiskBody* body = disk_body(object);
    if (body && !body->put()) store_late(key, object, index);
  }

  // Whether there are objects of the key on disk that the Index has not.
  bool has_more(const Key& key) const { return disks_.has_alone(key.digest); }
  // Puts what was read of the key into the Index, but for what was purged, is of no use or there
  // already.
  void restore(const Key& key, const std::vector<store::StoredObject>& found, Index& index,
               WallTime now);

  // For a body that another process had in memory, from the same disks: null where it is not there.
  Ref<body::Backing> reopen(const Key& key, std::uint64_t body) const {
    if (!disks_.alive(key.digest, body)) return {};
    return disks_.open_body(key.digest, body);
  }

  // Null: the object is not, and will not be, on disk.
  static store::DiskBody* disk_body(const Object& object) {
    return static_cast<store::DiskBody*>(object.body().backing());
  }

 private:
  bool put(const Key& key, const Object& object);
  void store_late(const Key& key, const Object& object, const Index& index);
  bool judge(const Key& key, ObjectParts& parts) const;
  Ref<Object> make(const Key& key, const store::StoredObject& stored, WallTime now);

  store::DiskStore& disks_;
  PurgeLog& purges_;
  store::Store& memory_;
  const ShelfSettings settings_;
};

}  // namespace weir::cache
