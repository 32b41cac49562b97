// What purges do to the Index.
#include <algorithm>
#include <chrono>
#include <thread>

#include "cache/index.h"
#include "cache/shelf.h"

namespace weir::cache {
namespace {

using Graveyard = std::vector<Ref<Object>>;  // see index.cpp

}  // namespace

void Index::set_shelf(Shelf& shelf) {
  shelf_ = &shelf;
  purges_ = shelf.purges().first();
  knows_parts_ = shelf.purges().knows_parts();
}

PurgeLog* Index::purge_log() const { return shelf_ ? &shelf_->purges() : nullptr; }

bool Index::knows(const Key& key) {
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  return find(s, key) != nullptr;
}

// What is being fetched belongs to the entry as it was: its generation has passed.
std::size_t Index::purge(const Key& key, PurgeMode mode, WallTime now, bool answered) {
  Graveyard dead;
  const Purging purging{mode, ++purges_, now};
  std::size_t objects = shelf_ ? shelf_->purged(key, purging, knows(key)) : 0;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  if (!answered) s.purged = purging.number;
  s.passes.clear(key.digest, Whom::kEveryone);
  Entry* entry = find(s, key);
  if (!entry) return objects;
  for (const Ref<Object>& object : entry->variants()) objects += object->mark().apply(purging);
  if (mode == PurgeMode::kHard)
    entry->change_variants([&](auto& variants) { dead.swap(variants); });
  entry->disown_leads();
  erase_if_bare(s, key.digest);
  return objects;
}

TagIndex::Work Index::purge_of_tag(const Digest& tag, PurgeMode mode, WallTime now) {
  const Purging purging{mode, ++purges_, now};
  if (shelf_) shelf_->purges().add_tag(tag, purging);
  return {tag, purging};
}

bool Index::purge_some(TagIndex::Work& work, std::size_t most, std::size_t& objects) {
  std::vector<Digest> gone;
  const bool done = tags_.step(work, most, objects, gone);
  for (const Digest& id : gone) drop_gone(id);
  return done;
}

std::optional<Purging> Index::begin_ban(Ref<Ban> ban, PurgeMode mode, WallTime now) {
  const auto purging = bans_.add(ban, mode, now, purges_);
  if (purging && shelf_) shelf_->purges().add_ban(std::move(ban), *purging);
  return purging;
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
        for (const Ref<Object>& object : it->second.variants()) {
          if (!bans_.concern(object->mark())) continue;
          suspects.emplace_back(Key{std::string(it->second.key()), it->first}, object);
        }
      }
    }
    if (sweep.bucket < sweep.buckets) break;
    sweep = {sweep.shard + 1};
  }
  for (const auto& [key, object] : suspects) examine(key, *object);
  return sweep.shard == kShards;
}

std::vector<Digest> Index::digests(std::size_t shard) const {
  constexpr std::size_t kStep = 256;  // buckets under one lock
  std::vector<Digest> all;
  const Shard& s = shards_[shard];
  std::size_t buckets = 0;
  for (std::size_t bucket = 0; bucket == 0 || bucket < buckets;) {
    // Who waits for a mutex that is taken again at once would wait for all steps.
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    Lock lock(s.mutex);
    if (buckets != s.entries.bucket_count()) {  // all have moved
      all.clear();
      bucket = 0;
      buckets = s.entries.bucket_count();
    }
    for (const std::size_t end = std::min(bucket + kStep, buckets); bucket < end; ++bucket) {
      for (auto it = s.entries.begin(bucket); it != s.entries.end(bucket); ++it) {
        all.push_back(it->first);
      }
    }
  }
  return all;
}

std::vector<Index::Stored> Index::stored(std::span<const Digest> some) {
  std::vector<Stored> all;
  if (some.empty()) return all;
  all.reserve(some.size());
  {
    const Shard& s = shard(some.front());
    Lock lock(s.mutex);
    for (const Digest& digest : some) {
      const auto it = s.entries.find(digest);
      if (it == s.entries.end() || it->second.variants().empty()) continue;
      const auto variants = it->second.variants();
      all.push_back({{std::string(it->second.key()), digest}, {variants.begin(), variants.end()}});
    }
  }
  for (Stored& stored : all) {
    for (const Ref<Object>& object : stored.objects) {
      if (bans_.concern(object->mark())) examine(stored.key, *object);
    }
    std::erase_if(stored.objects, [](const Ref<Object>& o) { return o->mark().gone(); });
  }
  return all;
}

void Index::examine(const Key& key, const Object& object) {
  hold_bans_against(key, object);
  if (object.mark().gone()) drop_gone(key.digest);
}

void Index::drop_gone(const Digest& id) {
  Graveyard dead;
  {
    Shard& s = shard(id);
    Lock lock(s.mutex);
    const auto it = s.entries.find(id);
    if (it == s.entries.end()) return;
    it->second.change_variants([&](std::vector<Ref<Object>>& variants) {
      std::erase_if(variants, [&](Ref<Object>& object) {
        if (!object->mark().gone()) return false;
        dead.push_back(std::move(object));
        return true;
      });
    });
    erase_if_bare(s, id);
  }
  for (const Ref<Object>& object : dead) {
    if (shelf_) shelf_->forgotten(id, *object);
  }
}

Index::View Index::view(const Key& key, bool authorized, WallTime now) const {
  View out;
  const Shard& s = shards_[key.digest.high % kShards];
  Lock lock(s.mutex);
  out.passes = s.passes.stands(key.digest, authorized, now);
  const auto it = s.entries.find(key.digest);
  if (it == s.entries.end() || it->second.key() != key.text) return out;
  const auto variants = it->second.variants();
  out.objects.assign(variants.begin(), variants.end());
  out.fetches = it->second.fetches();
  return out;
}

}  // namespace weir::cache
