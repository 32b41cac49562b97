#pragma once
// Index: from a Key to the objects and the busy objects that stand for it. Sharded; one locked step
// answers a request. Any thread. Locks: a shard's is a leaf.
//
// Who waits for whom: of a key whose Vary is not known, all for the first fetch; else those of one
// variant for the fetch of that variant. Nobody waits where the stored object says that its
// responses are not for those who wait (Freshness::serves_waiters): each validates for itself.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "cache/ban_list.h"
#include "cache/busy.h"
#include "cache/entry.h"
#include "cache/hit_for_miss.h"
#include "cache/key.h"
#include "cache/object.h"
#include "cache/purge_mark.h"
#include "cache/tag_index.h"
#include "http/head.h"
#include "policy/request_class.h"
#include "policy/reuse.h"

namespace weir::cache {

class PurgeLog;
class Shelf;

struct Lookup {
  enum class What : std::uint8_t {
    kHit,     // `object` answers now; with `busy` set, the caller also leads its revalidation
    kLead,    // fetch it: `busy` is ours to resolve; with `object` set, it is stale: validate it
    kJoin,    // somebody fetches it: wait at `busy`
    kPass,    // hit-for-miss: fetch for yourself, nobody need wait for you
    kNone,    // only with `may_lead` false: there is nothing
    kAbsent,  // only with `may_be_absent`: there is nothing here
  };
  What what = What::kNone;
  Ref<Object> object;
  Ref<Busy> busy;
  policy::ReuseVerdict verdict{};  // why, when an object was there
  bool vary_miss = false;          // objects are there, but none for this variant
};

struct IndexStats {
  std::uint64_t keys = 0;
  std::uint64_t objects = 0;
  std::uint64_t busy = 0;
};

class Index {
 public:
  // Variants of one key that are kept; each lookup may have to look at all of them, and the values
  // of the request fields that Vary names are the client's to choose. The least recent one goes.
  static constexpr std::size_t kVariantsMost = 64;
  // Of them, those that are only a part of their representation.
  static constexpr std::size_t kPartsMost = 8;
  // Fetches under way for one key that others may join; more pass.
  static constexpr std::size_t kLeadsMost = 64;

  // Before anything is looked up: is told of what is kept and taken away.
  void set_shelf(Shelf& shelf);
  PurgeLog* purge_log() const;  // null: nothing is on disk

  // `may_lead` false: only look (only-if-cached, HEAD). `may_be_absent`: where no object answers,
  // begin nothing: the caller looks on the Shelf first, and then once more here.
  Lookup lookup(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                WallTime now, bool may_lead = true, bool may_be_absent = false);

  // The end of leading, once for each busy object that lookup() gave out. publish: the object takes
  // the place of the one of the same variant and is the most recent; joined Exchanges wake. The
  // leader gets `for_leader` instead, if there is one.
  // `old`: what `object` was made of, by a 304; purges that concerned it concern `object`, too.
  void publish(const Key& key, const Ref<Busy>& busy, Ref<Object> object,
               Ref<Object> for_leader = {}, const Object* old = nullptr);
  // Not to be shared: the leader alone gets `object`, later requests pass until `until`: all of
  // them, or those with Authorization.
  void pass(const Key& key, const Ref<Busy>& busy, Ref<Object> object, WallTime until,
            Whom whom = Whom::kEveryone);
  void fail(const Key& key, const Ref<Busy>& busy, Error why);

  // As publish, of what nobody led: the answer to a POST, which answers GET requests (RFC 9110
  // §9.3.3).
  void insert(const Key& key, Ref<Object> object);
  // `fresh` takes the place of `old`, if that is still there: the same body, other fields.
  void renew(const Key& key, const Object& old, Ref<Object> fresh);

  // `object` is no longer worth keeping (its fetch was cut, its bytes changed at the origin).
  void forget(const Key& key, const Object& object);
  // By the Shelf: what it has read back, unless there is something here that stands for it; and
  // taken away again. `object` was judged by all purges up to its born().
  void restore(const Key& key, const Ref<Object>& object);
  void take(const Key& key, const Object& object);

  // Whether that very object is found under the key; and the one that has that body.
  bool holds(const Key& key, const Object& object) const;
  Ref<Object> of_body(const Key& key, const body::Body& body) const;

  // ---- Purges: see cache/purge.h, which puts these together. Each concerns also what is being
  // fetched now: that is served to those who wait for it, but not kept, or not kept as fresh.

  // For a fetch that nobody can find: its object knows only of purges from now on.
  Ref<Busy> private_busy() const { return make_ref<Busy>(std::uint64_t{0}, purges_.load()); }
  std::uint64_t purges() const { return purges_.load(); }  // the number of the last one
  // All variants of a key; returns to how many it made a difference. `answered`: it is not held
  // against what insert() brings, see PurgeOrder.
  std::size_t purge(const Key& key, PurgeMode mode = PurgeMode::kHard, WallTime now = {},
                    bool answered = false);
  // Whether there was ever a key with parts; then those are found by url_tag().
  bool knows_parts() const { return knows_parts_.load(std::memory_order_relaxed); }
  TagIndex::Work purge_of_tag(const Digest& tag, PurgeMode mode, WallTime now);
  // See TagIndex::step.
  bool purge_some(TagIndex::Work& work, std::size_t most, std::size_t& objects);
  // From here on objects are held against `ban` when they are found. Nothing: too many bans are
  // under way.
  std::optional<Purging> begin_ban(Ref<Ban> ban, PurgeMode mode, WallTime now);
  // How far a walk over all objects has come.
  struct Sweep {
    std::size_t shard = 0;
    std::size_t bucket = 0;
    std::size_t buckets = 0;  // of the shard, when it was looked at last
  };
  // Holds about `most` more objects against all bans. True when all have been; end_ban is next.
  bool examine_some(Sweep& sweep, std::size_t most);
  void end_ban(const Purging& ban) { bans_.retire(ban.number); }

  // The store evicted the last chunk of a body named `id` (the key's digest).
  void emptied(const Digest& id);

  static constexpr std::size_t kShards = 64;
  // For who writes down what there is: the keys of a shard, and what stands for some of them now,
  // without what was purged or banned. Do something else between two calls: a lock is held for 50
  // us at a time, and whoever waits for it comes in between.
  struct Stored {
    Key key;
    std::vector<Ref<Object>> objects;  // the most recent first
  };
  std::vector<Digest> digests(std::size_t shard) const;
  std::vector<Stored> stored(std::span<const Digest> some);  // of one shard

  // What is known of a key, for people.
  struct View {
    std::vector<Ref<Object>> objects;  // the most recent first
    std::size_t fetches = 0;           // under way
    bool passes = false;               // a hit-for-miss mark stands
  };
  View view(const Key& key, bool authorized, WallTime now) const;

  IndexStats stats() const;  // looks at every object: for tests
  std::size_t bans() const { return bans_.active(); }
  std::size_t tags() const { return tags_.tags(); }
  std::size_t keys() const;  // that have an object, a fetch under way or a hit-for-miss mark

 private:
  struct Shard {
    mutable Mutex mutex;
    std::unordered_map<Digest, Entry, DigestHash> entries GUARDED_BY(mutex);
    HitForMiss passes GUARDED_BY(mutex);
    std::uint64_t generations GUARDED_BY(mutex) = 0;  // of fetches, see Entry
    // The number of the last purge of a key of it that is held against what insert() brings.
    std::uint64_t purged GUARDED_BY(mutex) = 0;
  };

  Shard& shard(const Digest& d) { return shards_[d.high % kShards]; }
  // The entry of exactly this key, or null.
  static Entry* find(Shard& shard, const Key& key) REQUIRES_LOCK(shard.mutex);
  Entry& make(Shard& shard, const Key& key) REQUIRES_LOCK(shard.mutex);
  static void erase_if_bare(Shard& shard, const Digest& digest) REQUIRES_LOCK(shard.mutex);
  static const std::string& variant_of(const Entry& entry, const http::Request& request);
  Entry::Numbers numbers(Shard& shard) REQUIRES_LOCK(shard.mutex) {
    return {shard.generations, purges_.load()};
  }
  static void lead_or_join(Entry& entry, const http::Request& request, Entry::Numbers numbers,
                           Lookup& out);
  static void put(Entry& entry, const Ref<Object>& object, std::vector<Ref<Object>>& dead);

  bool look_up(const Key& key, const http::Request& request, const policy::RequestClass& cls,
               WallTime now, bool may_lead, bool may_be_absent, Lookup& out);
  void examine(const Key& key, const Object& object);
  void make_known(const Key& key, Object& object);
  void hold_bans_against(const Key& key, const Object& object);
  void drop_gone(const Digest& id);
  bool knows(const Key& key);
  // What `fresh` has replaced leaves the Shelf, and it itself, if it was kept, takes its place.
  void tell_shelf(const Key& key, const std::vector<Ref<Object>>& dead, const Ref<Object>& fresh);

  Shelf* shelf_ = nullptr;
  std::atomic<std::uint64_t> purges_{0};  // the number of the last one
  std::atomic<bool> knows_parts_{false};
  BanList bans_;
  TagIndex tags_;  // before the shards: their objects leave it
  std::array<Shard, kShards> shards_;
};

}  // namespace weir::cache
