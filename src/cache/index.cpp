#include "cache/index.h"

#include <algorithm>
#include <utility>

#include "cache/shelf.h"
#include "cache/tags.h"
#include "policy/answer.h"
#include "policy/vary.h"

namespace weir::cache {
namespace {

bool same_variant(const Object& a, const Object& b) {
  return a.vary_names() == b.vary_names() && a.variant() == b.variant();
}

// Whether `fresh` stands for all that `old` stood for. What is whole stays beside a part of it.
bool replaces(const Object& fresh, const Object& old) {
  return same_variant(fresh, old) && (!fresh.part() || fresh.part() == old.part());
}

// The most recent object that answers this request (RFC 9111 §4.1), or null.
const Ref<Object>* pick(std::span<const Ref<Object>> variants, const http::Request& request,
                        WallTime now) {
  thread_local std::string text;
  const std::vector<std::string>* names = nullptr;  // that `text` was made for
  for (const Ref<Object>& object : variants) {
    if (!object->body().servable() || object->mark().gone()) continue;
    if (!object->freshness().kept(now)) continue;
    if (const auto& part = object->part()) {
      if (!policy::part_answers(request, object->head(), part->range, part->total, now)) continue;
    }
    if (object->vary_names().empty()) return &object;
    if (!names || *names != object->vary_names()) {
      names = &object->vary_names();
      text.clear();
      policy::variant_text(*names, request, text);
    }
    if (text == object->variant()) return &object;
  }
  return nullptr;
}

// Objects that go: declared before the lock, so that the last reference never dies under it. An
// Object's Body gives memory back to the store, which has a lock of its own.
using Graveyard = std::vector<Ref<Object>>;

template <class Which>
void bury(std::vector<Ref<Object>>& variants, Graveyard& dead, Which which) {
  std::erase_if(variants, [&](Ref<Object>& object) {
    if (!which(object)) return false;
    dead.push_back(std::move(object));
    return true;
  });
}

}  // namespace

Entry* Index::find(Shard& shard, const Key& key) {
  const auto it = shard.entries.find(key.digest);
  return it != shard.entries.end() && it->second.key() == key.text ? &it->second : nullptr;
}

Entry& Index::make(Shard& shard, const Key& key) {
  if (key.has_parts()) knows_parts_.store(true, std::memory_order_relaxed);
  return shard.entries.try_emplace(key.digest, key.text).first->second;
}

void Index::erase_if_bare(Shard& shard, const Digest& digest) {
  const auto it = shard.entries.find(digest);
  if (it != shard.entries.end() && it->second.bare()) shard.entries.erase(it);
}

// The variant that this request is for, by the Vary of the most recent response; empty where
// nothing is known of it. Good until the next call on this thread.
const std::string& Index::variant_of(const Entry& entry, const http::Request& request) {
  thread_local std::string text;
  text.clear();
  if (!entry.variants().empty())
    policy::variant_text(entry.variants().front()->vary_names(), request, text);
  return text;
}

Lookup Index::lookup(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                     WallTime now, bool may_lead, bool may_be_absent) {
  while (true) {
    Lookup out;
    if (look_up(key, request, cls, now, may_lead, may_be_absent, out)) return out;
    examine(key, *out.object);
  }
}

// False: `out.object` must be held against the bans first, which is not for under the lock.
bool Index::look_up(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                    WallTime now, bool may_lead, bool may_be_absent, Lookup& out) {
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  const auto it = s.entries.find(key.digest);
  Entry* entry = it == s.entries.end() ? nullptr : &it->second;
  if (entry && entry->key() != key.text) {  // another key has this digest: never share
    out.what = may_lead ? Lookup::What::kPass : Lookup::What::kNone;
    return true;
  }
  if (entry) {
    if (const Ref<Object>* object = pick(entry->variants(), request, now)) out.object = *object;
    out.vary_miss = !out.object && !entry->variants().empty();
    if (out.object && bans_.concern(out.object->mark())) return false;
  }
  if (out.object) {
    out.verdict = policy::may_reuse(cls, out.object->freshness(), now);
    if (out.verdict.reuse != policy::Reuse::kValidate) {
      out.what = Lookup::What::kHit;
      if (out.verdict.reuse == policy::Reuse::kStaleServe && may_lead) {
        const std::string& variant = variant_of(*entry, request);
        const bool may_begin = entry->leads().size() < kLeadsMost && !entry->find_lead(variant);
        if (may_begin) out.busy = entry->lead(variant, numbers(s));
      }
      return true;
    }
  }
  if (may_be_absent && !out.object) {
    out.what = Lookup::What::kAbsent;
    return true;
  }
  if (!may_lead) return true;
  if (s.passes.stands(key.digest, cls.authorization, now)) {
    out.what = Lookup::What::kPass;
    return true;
  }
  if (!entry) entry = &make(s, key);
  lead_or_join(*entry, request, numbers(s), out);
  return true;
}

// With the shard's lock held.
void Index::lead_or_join(Entry& entry, const http::Request& request, Entry::Numbers numbers,
                         Lookup& out) {
  out.what = Lookup::What::kLead;
  if (out.object && !out.object->freshness().serves_waiters()) {
    out.busy = entry.lead_alone(numbers);
    return;
  }
  const std::string& variant = variant_of(entry, request);
  if (const Entry::Lead* lead = entry.find_lead(variant)) {
    out.what = Lookup::What::kJoin;
    out.busy = lead->busy;
  } else if (entry.leads().size() >= kLeadsMost) {
    out.what = Lookup::What::kPass;
  } else {
    out.busy = entry.lead(variant, numbers);
  }
}

// The first of the variants; what it replaces, and what there are too many of, goes.
void Index::put(Entry& entry, const Ref<Object>& object, std::vector<Ref<Object>>& dead) {
  entry.change_variants([&](std::vector<Ref<Object>>& variants) {
    bury(variants, dead, [&](const Ref<Object>& old) { return replaces(*object, *old); });
    variants.insert(variants.begin(), object);
    std::size_t parts = 0;
    bury(variants, dead, [&](const Ref<Object>& o) { return o->part() && ++parts > kPartsMost; });
    if (variants.size() > kVariantsMost) {
      dead.push_back(std::move(variants.back()));
      variants.pop_back();
    }
  });
}

// Before it can be found, it is held against what was purged since it was asked for.
void Index::make_known(const Key& key, Object& object) {
  std::vector<Digest> tags = tag_digests(object.tags());
  if (key.has_parts()) tags.push_back(url_tag(key.url()));
  if (!tags.empty()) tags_.enter(object.places(), object.mark(), key.digest, tags);
  hold_bans_against(key, object);
}

void Index::hold_bans_against(const Key& key, const Object& object) {
  if (bans_.concern(object.mark())) bans_.examine(key.url(), object.head(), object.mark());
}

// The shard's lock is taken first and the Shelf told then, so that a purge that finds nothing of a
// key here finds nothing that will be on the Shelf, either. Who took the object away meanwhile did
// so too early for the Shelf.
void Index::tell_shelf(const Key& key, const Graveyard& dead, const Ref<Object>& fresh) {
  if (!shelf_) return;
  for (const Ref<Object>& object : dead) {
    if (!fresh || &object->body() != &fresh->body()) shelf_->forgotten(key.digest, *object);
  }
  if (!fresh) return;
  shelf_->kept(key, *fresh);
  if (!holds(key, *fresh)) shelf_->forgotten(key.digest, *fresh);
}

bool Index::holds(const Key& key, const Object& object) const {
  const Shard& s = shards_[key.digest.high % kShards];
  Lock lock(s.mutex);
  const auto it = s.entries.find(key.digest);
  if (it == s.entries.end()) return false;
  return std::ranges::any_of(it->second.variants(),
                             [&](const Ref<Object>& o) { return o.get() == &object; });
}

Ref<Object> Index::of_body(const Key& key, const body::Body& body) const {
  const Shard& s = shards_[key.digest.high % kShards];
  Lock lock(s.mutex);
  const auto it = s.entries.find(key.digest);
  if (it == s.entries.end()) return {};
  for (const Ref<Object>& object : it->second.variants()) {
    if (&object->body() == &body) return object;
  }
  return {};
}

void Index::publish(const Key& key, const Ref<Busy>& busy, Ref<Object> object,
                    Ref<Object> for_leader, const Object* old) {
  Graveyard dead;
  make_known(key, *object);
  if (old) {
    hold_bans_against(key, *old);
    object->mark().inherit(old->mark());
  }
  bool kept = false;
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    const bool ours = entry && entry->end_lead(*busy);
    kept = ours && !object->mark().gone();
    if (ours && !kept) {
      erase_if_bare(s, key.digest);
    } else if (ours) {
      s.passes.clear(key.digest, Whom::kEveryone);
      put(*entry, object, dead);
    }
  }
  tell_shelf(key, dead, kept ? object : nullptr);
  busy->resolve(std::move(object), std::move(for_leader));
}

void Index::insert(const Key& key, Ref<Object> object) {
  Graveyard dead;
  make_known(key, *object);
  bool kept = false;
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    // No purge of the key could find it. Another key of the shard may have been meant: no harm.
    const bool gone = object->mark().gone() || s.purged > object->mark().born();
    const auto it = s.entries.find(key.digest);
    const bool other = it != s.entries.end() && it->second.key() != key.text;
    kept = !gone && !other;
    if (kept) put(it == s.entries.end() ? make(s, key) : it->second, object, dead);
  }
  tell_shelf(key, dead, kept ? object : nullptr);
}

void Index::renew(const Key& key, const Object& old, Ref<Object> fresh) {
  Ref<Object> dead;
  make_known(key, *fresh);
  hold_bans_against(key, old);
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    if (!entry || old.mark().purged_since(fresh->mark().born()) || fresh->mark().gone()) return;
    const auto same = [&](const Ref<Object>& object) { return object.get() == &old; };
    entry->change_variants([&](std::vector<Ref<Object>>& variants) {
      const auto it = std::ranges::find_if(variants, same);
      if (it != variants.end()) dead = std::exchange(*it, fresh);
    });
    if (!dead) return;
  }
  tell_shelf(key, {}, fresh);
}

void Index::pass(const Key& key, const Ref<Busy>& busy, Ref<Object> object, WallTime until,
                 Whom whom) {
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    if (entry && entry->end_lead(*busy)) {
      if (until != WallTime{}) s.passes.set(key.digest, whom, until);
      erase_if_bare(s, key.digest);
    }
  }
  busy->pass(std::move(object), whom);
}

void Index::fail(const Key& key, const Ref<Busy>& busy, Error why) {
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    if (entry && entry->end_lead(*busy)) erase_if_bare(s, key.digest);
  }
  busy->fail(why);
}

void Index::forget(const Key& key, const Object& object) {
  if (shelf_) shelf_->forgotten(key.digest, object);
  take(key, object);
}

void Index::restore(const Key& key, const Ref<Object>& object) {
  make_known(key, *object);
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  if (object->mark().gone() || s.purged > object->mark().born()) return;
  Entry* entry = find(s, key);
  if (!entry && s.entries.contains(key.digest)) return;  // another key's
  if (!entry) entry = &make(s, key);
  if (entry->variants().size() >= kVariantsMost) return;
  const auto stands_for = [&](const Ref<Object>& other) { return replaces(*other, *object); };
  if (std::ranges::any_of(entry->variants(), stands_for)) return;
  entry->change_variants([&](std::vector<Ref<Object>>& variants) { variants.push_back(object); });
}

void Index::take(const Key& key, const Object& object) {
  Graveyard dead;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  Entry* entry = find(s, key);
  if (!entry) return;
  entry->change_variants([&](std::vector<Ref<Object>>& variants) {
    bury(variants, dead, [&](const Ref<Object>& o) { return o.get() == &object; });
  });
  erase_if_bare(s, key.digest);
}

// Bodies are asked outside of the shard's lock, which is a leaf as theirs are.
void Index::emptied(const Digest& id) {
  Graveyard dead;
  std::vector<Ref<Object>> variants;
  Shard& s = shard(id);
  {
    Lock lock(s.mutex);
    const auto it = s.entries.find(id);
    if (it == s.entries.end()) return;
    const auto all = it->second.variants();
    variants.assign(all.begin(), all.end());
  }
  std::erase_if(variants, [](const Ref<Object>& o) {
    return !o->body().empty_of_chunks() || o->body().filling();
  });
  if (variants.empty()) return;
  Lock lock(s.mutex);
  const auto it = s.entries.find(id);
  if (it == s.entries.end()) return;
  it->second.change_variants([&](std::vector<Ref<Object>>& all) {
    bury(all, dead,
         [&](const Ref<Object>& o) { return std::ranges::find(variants, o) != variants.end(); });
  });
  erase_if_bare(s, id);
}

IndexStats Index::stats() const {
  IndexStats out;
  for (const Shard& s : shards_) {
    Lock lock(s.mutex);
    out.keys += s.entries.size();
    for (const auto& [digest, entry] : s.entries) {
      out.objects += entry.variants().size();
      out.busy += entry.fetches();
    }
  }
  return out;
}

std::size_t Index::keys() const {
  std::size_t n = 0;
  for (const Shard& s : shards_) {
    Lock lock(s.mutex);
    n += s.entries.size();
  }
  return n;
}

}  // namespace weir::cache
