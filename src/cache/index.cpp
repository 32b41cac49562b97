#include "cache/index.h"

#include <algorithm>

#include "policy/vary.h"

namespace weir::cache {
namespace {

bool same_variant(const Object& a, const Object& b) {
  return a.vary_names() == b.vary_names() && a.variant() == b.variant();
}

bool matches(const Object& object, const http::Request& request, std::string& scratch) {
  if (object.vary_names().empty()) return true;
  scratch.clear();
  policy::variant_text(object.vary_names(), request, scratch);
  return scratch == object.variant();
}

// A copy of the Ref outlives the lock, so that the last reference never dies under it: an Object's
// Body gives memory back to the store, which has a lock of its own.
using Graveyard = std::vector<Ref<Object>>;

}  // namespace

Index::Entry* Index::find(Shard& shard, const Key& key) {
  const auto it = shard.entries.find(key.digest);
  return it != shard.entries.end() && it->second.key == key.text ? &it->second : nullptr;
}

void Index::erase_if_bare(Shard& shard, const Digest& digest) {
  const auto it = shard.entries.find(digest);
  if (it == shard.entries.end()) return;
  const Entry& e = it->second;
  if (e.variants.empty() && !e.busy && e.pass_until == WallTime{}) shard.entries.erase(it);
}

Lookup Index::lookup(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                     WallTime now, bool may_lead) {
  thread_local std::string scratch;
  Lookup out;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  const auto it = s.entries.find(key.digest);
  Entry* entry = it == s.entries.end() ? nullptr : &it->second;
  if (entry && entry->key != key.text) {  // another key has this digest: never share
    out.what = may_lead ? Lookup::What::kPass : Lookup::What::kNone;
    return out;
  }
  if (entry) {
    for (const Ref<Object>& object : entry->variants) {
      if (!matches(*object, request, scratch) || !object->body().servable()) continue;
      out.object = object;
      break;
    }
    out.vary_miss = !out.object && !entry->variants.empty();
  }
  if (out.object) {
    out.verdict = policy::may_reuse(cls, out.object->freshness(), now);
    if (out.verdict.reuse != policy::Reuse::kValidate) {
      out.what = Lookup::What::kHit;
      if (out.verdict.reuse == policy::Reuse::kStaleServe && !entry->busy && may_lead) {
        out.busy = entry->busy = make_ref<Busy>();
      }
      return out;
    }
  }
  if (!may_lead) return out;
  if (entry && entry->busy) {
    out.what = Lookup::What::kJoin;
    out.busy = entry->busy;
    return out;
  }
  if (entry && entry->pass_until > now) {
    out.what = Lookup::What::kPass;
    return out;
  }
  if (!entry) {
    entry = &s.entries[key.digest];
    entry->key = key.text;
  }
  out.what = Lookup::What::kLead;
  out.busy = entry->busy = make_ref<Busy>();
  return out;
}

void Index::publish(const Key& key, const Ref<Busy>& busy, Ref<Object> object) {
  Ref<Object> replaced;
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    // A purge in between took the busy object away: its response is served but not kept.
    if (entry && entry->busy == busy) {
      entry->busy = nullptr;
      entry->pass_until = WallTime{};
      const auto old = std::ranges::find_if(
          entry->variants, [&](const Ref<Object>& o) { return same_variant(*o, *object); });
      if (old == entry->variants.end()) {
        entry->variants.insert(entry->variants.begin(), object);
      } else {
        replaced = std::exchange(*old, object);
      }
    }
  }
  busy->resolve(std::move(object));
}

void Index::pass(const Key& key, const Ref<Busy>& busy, Ref<Object> object, WallTime until) {
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    if (entry && entry->busy == busy) {
      entry->busy = nullptr;
      entry->pass_until = until;
      erase_if_bare(s, key.digest);
    }
  }
  busy->pass(std::move(object));
}

void Index::fail(const Key& key, const Ref<Busy>& busy, Error why) {
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    if (entry && entry->busy == busy) {
      entry->busy = nullptr;
      erase_if_bare(s, key.digest);
    }
  }
  busy->fail(why);
}

void Index::forget(const Key& key, const Object& object) {
  Graveyard dead;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  Entry* entry = find(s, key);
  if (!entry) return;
  const auto it = std::ranges::find_if(entry->variants,
                                       [&](const Ref<Object>& o) { return o.get() == &object; });
  if (it == entry->variants.end()) return;
  dead.push_back(std::move(*it));
  entry->variants.erase(it);
  erase_if_bare(s, key.digest);
}

std::size_t Index::purge(const Key& key) {
  Graveyard dead;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  Entry* entry = find(s, key);
  if (!entry) return 0;
  dead.swap(entry->variants);
  entry->busy = nullptr;
  entry->pass_until = WallTime{};
  erase_if_bare(s, key.digest);
  return dead.size();
}

void Index::emptied(const Digest& id) {
  Graveyard dead;
  Shard& s = shard(id);
  Lock lock(s.mutex);
  const auto it = s.entries.find(id);
  if (it == s.entries.end()) return;
  std::erase_if(it->second.variants, [&](Ref<Object>& o) {
    if (!o->body().empty_of_chunks() || o->body().filling()) return false;
    dead.push_back(o);
    return true;
  });
  erase_if_bare(s, id);
}

IndexStats Index::stats() const {
  IndexStats out;
  for (const Shard& s : shards_) {
    Lock lock(s.mutex);
    for (const auto& [digest, entry] : s.entries) {
      out.objects += entry.variants.size();
      out.busy += entry.busy ? 1 : 0;
    }
  }
  return out;
}

}  // namespace weir::cache
