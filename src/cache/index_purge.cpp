// What purges do to the Index.
#include "cache/index.h"

namespace weir::cache {
namespace {

using Graveyard = std::vector<Ref<Object>>;  // see index.cpp

}  // namespace

// What is being fetched belongs to the entry as it was: its generation has passed.
std::size_t Index::purge(const Key& key, PurgeMode mode, WallTime now, bool answered) {
  Graveyard dead;
  const Purging purging{mode, ++purges_, now};
  std::size_t objects = 0;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  if (!answered) s.purged = purging.number;
  s.passes.clear(key.digest, Whom::kEveryone);
  Entry* entry = find(s, key);
  if (!entry) return 0;
  for (const Ref<Object>& object : entry->variants) objects += object->mark().apply(purging);
  if (mode == PurgeMode::kHard) dead.swap(entry->variants);
  entry->leads.clear();
  entry->alone = 0;
  entry->generation = ++s.generations;
  erase_if_bare(s, key.digest);
  return objects;
}

TagIndex::Work Index::purge_of_tag(const Digest& tag, PurgeMode mode, WallTime now) {
  return {tag, {mode, ++purges_, now}};
}

bool Index::purge_some(TagIndex::Work& work, std::size_t most, std::size_t& objects) {
  std::vector<Digest> gone;
  const bool done = tags_.step(work, most, objects, gone);
  for (const Digest& id : gone) drop_gone(id);
  return done;
}

std::optional<Purging> Index::begin_ban(Ref<Ban> ban, PurgeMode mode, WallTime now) {
  return bans_.add(std::move(ban), mode, now, purges_);
}

bool Index::examine_some(Sweep& sweep, std::size_t most) {
  std::vector<std::pair<Key, Ref<Object>>> suspects;
  while (most > 0 && sweep.shard < kShards) {
    Shard& s = shards_[sweep.shard];
    Lock lock(s.mutex);
    if (sweep.buckets != s.entries.bucket_count()) {  // all have moved
      sweep.bucket = 0;
      sweep.buckets = s.entries.bucket_count();
    }
    for (; most > 0 && sweep.bucket < sweep.buckets; ++sweep.bucket, --most) {
      for (auto it = s.entries.begin(sweep.bucket); it != s.entries.end(sweep.bucket); ++it) {
        for (const Ref<Object>& object : it->second.variants) {
          if (!bans_.concern(object->mark())) continue;
          suspects.emplace_back(Key{it->second.key, it->first}, object);
        }
      }
    }
    if (sweep.bucket < sweep.buckets) break;
    sweep = {sweep.shard + 1};
  }
  for (const auto& [key, object] : suspects) examine(key, *object);
  return sweep.shard == kShards;
}

void Index::examine(const Key& key, const Object& object) {
  hold_bans_against(key, object);
  if (object.mark().gone()) drop_gone(key.digest);
}

void Index::drop_gone(const Digest& id) {
  Graveyard dead;
  Shard& s = shard(id);
  Lock lock(s.mutex);
  const auto it = s.entries.find(id);
  if (it == s.entries.end()) return;
  std::erase_if(it->second.variants, [&](Ref<Object>& object) {
    if (!object->mark().gone()) return false;
    dead.push_back(std::move(object));
    return true;
  });
  erase_if_bare(s, id);
}

Index::View Index::view(const Key& key, bool authorized, WallTime now) const {
  View out;
  const Shard& s = shards_[key.digest.high % kShards];
  Lock lock(s.mutex);
  out.passes = s.passes.stands(key.digest, authorized, now);
  const auto it = s.entries.find(key.digest);
  if (it == s.entries.end() || it->second.key != key.text) return out;
  out.objects = it->second.variants;
  out.fetches = it->second.leads.size() + it->second.alone;
  return out;
}

}  // namespace weir::cache
