#pragma once
// Index: from a Key to the objects and the busy object that stand for it. Sharded; one locked step
// answers a request. Any thread. Locks: a shard's is a leaf.

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "cache/busy.h"
#include "cache/key.h"
#include "cache/object.h"
#include "http/head.h"
#include "policy/request_class.h"
#include "policy/reuse.h"

namespace weir::cache {

struct Lookup {
  enum class What : std::uint8_t {
    kHit,   // `object` answers now; with `busy` set, the caller also leads its revalidation
    kLead,  // fetch it: `busy` is ours to resolve; with `object` set, it is stale: validate it
    kJoin,  // somebody fetches it: wait at `busy`
    kPass,  // hit-for-miss: fetch for yourself, nobody need wait for you
    kNone,  // only with `may_lead` false: there is nothing
  };
  What what = What::kNone;
  Ref<Object> object;
  Ref<Busy> busy;
  policy::ReuseVerdict verdict{};  // why, when an object was there
  bool vary_miss = false;          // objects are there, but none for this variant
};

struct IndexStats {
  std::uint64_t objects = 0;
  std::uint64_t busy = 0;
};

class Index {
 public:
  // `may_lead` false: only look (only-if-cached, HEAD).
  Lookup lookup(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                WallTime now, bool may_lead = true);

  // The end of leading, once for each busy object that lookup() gave out. publish: the object takes
  // the place of the one of the same variant; joined Exchanges wake.
  void publish(const Key& key, const Ref<Busy>& busy, Ref<Object> object);
  // Not to be shared: the leader alone gets `object`, later requests pass until `until`.
  void pass(const Key& key, const Ref<Busy>& busy, Ref<Object> object, WallTime until);
  void fail(const Key& key, const Ref<Busy>& busy, Error why);

  // `object` is no longer worth keeping (its fetch was cut, its bytes changed at the origin).
  void forget(const Key& key, const Object& object);
  // All variants of a key; returns how many went.
  std::size_t purge(const Key& key);
  // The store evicted the last chunk of a body named `id` (the key's digest).
  void emptied(const Digest& id);

  IndexStats stats() const;

 private:
  struct Entry {
    std::string key;  // compared in full: a digest alone never gives out bytes
    std::vector<Ref<Object>> variants;
    Ref<Busy> busy;
    WallTime pass_until{};
  };
  struct Shard {
    mutable Mutex mutex;
    std::unordered_map<Digest, Entry, DigestHash> entries GUARDED_BY(mutex);
  };
  static constexpr std::size_t kShards = 64;

  Shard& shard(const Digest& d) { return shards_[d.high % kShards]; }
  // The entry of exactly this key, or null.
  static Entry* find(Shard& shard, const Key& key) REQUIRES_LOCK(shard.mutex);
  static void erase_if_bare(Shard& shard, const Digest& digest) REQUIRES_LOCK(shard.mutex);

  std::array<Shard, kShards> shards_;
};

}  // namespace weir::cache
