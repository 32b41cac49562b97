#pragma once
// TagIndex: from a tag to the objects that bear it. A purge of a tag looks at those and no others.
// It knows tags by their digests alone; should two have the same, a purge takes too much and never
// too little.
//
// What is being fetched bears tags that nobody knows before its head comes. So the last purges are
// remembered, and enter() holds them against the newcomer; where too many came since it was asked
// for, it counts as purged.
//
// Memory: a place for each tag of each object, which the store accounts for (Tags::footprint), and
// a table of bounded size. Any thread. Locks: a shard's is a leaf.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/list.h"
#include "base/mutex.h"
#include "cache/purge_mark.h"

namespace weir::cache {

class TagIndex {
 public:
  // Where an object stands under one of its tags.
  struct Place : ListNode {
    PurgeMark* mark = nullptr;
    Digest key;
    Digest tag;
  };
  // Where one object stands. It leaves when this dies, so this must die before the object's mark,
  // and the TagIndex after both.
  class Places {
   public:
    Places() = default;
    ~Places();
    Places(const Places&) = delete;
    Places& operator=(const Places&) = delete;

   private:
    friend class TagIndex;
    TagIndex* index_ = nullptr;
    std::unique_ptr<Place[]> all_;
    std::size_t count_ = 0;
  };

  // Lists an object of that key under each of `tags`; once. Purges that concern it mark it, also
  // those that were over before.
  void enter(Places& places, PurgeMark& mark, const Digest& key, std::span<const Digest> tags);

  // A purge of one tag, done in steps.
  struct Work {
    Digest tag;
    Purging purging;
    bool begun = false;
    std::size_t left = 0;  // objects to look at, at most
  };
  // Marks up to `most` objects; counts in `objects` those to which it made a difference and adds
  // the keys of those gone. True when all are done.
  bool step(Work& work, std::size_t most, std::size_t& objects, std::vector<Digest>& gone);

  std::size_t tags() const;  // that some object bears

  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kRecent = 64;  // purged tags that each shard remembers

 private:
  struct Tag {
    List<Place> places;
    std::size_t count = 0;
  };
  // The last purges of a tag; 0: none.
  struct Recent {
    Digest tag;
    std::uint64_t hard = 0;
    Purging soft{};
    std::uint64_t last() const { return std::max(hard, soft.number); }
  };
  struct Shard {
    mutable Mutex mutex;
    std::unordered_map<Digest, Tag, DigestHash> tags GUARDED_BY(mutex);
    std::vector<Recent> recent GUARDED_BY(mutex);
    std::uint64_t forgotten GUARDED_BY(mutex) = 0;  // purges up to this one may not be in `recent`
  };

  Shard& shard(const Digest& tag) { return shards_[tag.high % kShards]; }
  static void remember(Shard& shard, const Digest& tag, const Purging& purging)
      REQUIRES_LOCK(shard.mutex);
  static void hold_recent_against(const Shard& shard, const Digest& tag, PurgeMark& mark)
      REQUIRES_LOCK(shard.mutex);
  static void hold_against(const Shard& shard, const Digest& tag, PurgeMark& mark)
      REQUIRES_LOCK(shard.mutex);
  void leave(Place& place);

  std::array<Shard, kShards> shards_;
};

}  // namespace weir::cache
