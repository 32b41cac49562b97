#include "cache/index.h"

#include <algorithm>

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
const Ref<Object>* pick(const std::vector<Ref<Object>>& variants, const http::Request& request,
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

Index::Entry* Index::find(Shard& shard, const Key& key) {
  const auto it = shard.entries.find(key.digest);
  return it != shard.entries.end() && it->second.key == key.text ? &it->second : nullptr;
}

Index::Entry& Index::make(Shard& shard, const Key& key) {
  Entry& entry = shard.entries[key.digest];
  entry.key = key.text;
  entry.generation = ++shard.generations;
  if (key.has_parts()) knows_parts_.store(true, std::memory_order_relaxed);
  return entry;
}

void Index::erase_if_bare(Shard& shard, const Digest& digest) {
  const auto it = shard.entries.find(digest);
  if (it == shard.entries.end()) return;
  const Entry& e = it->second;
  if (e.variants.empty() && e.leads.empty() && e.alone == 0) shard.entries.erase(it);
}

// The variant that this request is for, by the Vary of the most recent response; empty where
// nothing is known of it. Good until the next call on this thread.
const std::string& Index::variant_of(const Entry& entry, const http::Request& request) {
  thread_local std::string text;
  text.clear();
  if (!entry.variants.empty())
    policy::variant_text(entry.variants.front()->vary_names(), request, text);
  return text;
}

Index::Lead* Index::find_lead(Entry& entry, const std::string& variant) {
  const auto it = std::ranges::find(entry.leads, variant, &Lead::variant);
  return it == entry.leads.end() ? nullptr : &*it;
}

Ref<Busy> Index::begin_lead(Entry& entry, const std::string& variant) {
  auto busy = make_ref<Busy>(entry.generation, purges_.load());
  return entry.leads.emplace_back(variant, std::move(busy)).busy;
}

// False: a purge came in between, and what was fetched is served but not kept.
bool Index::end_lead(Entry& entry, const Busy& busy) {
  if (entry.generation != busy.generation()) return false;
  const auto joined = [&](const Lead& lead) { return lead.busy.get() == &busy; };
  if (std::erase_if(entry.leads, joined) > 0) return true;
  WEIR_CHECK(entry.alone > 0);
  --entry.alone;
  return true;
}

Lookup Index::lookup(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                     WallTime now, bool may_lead) {
  while (true) {
    Lookup out;
    if (look_up(key, request, cls, now, may_lead, out)) return out;
    examine(key, *out.object);
  }
}

// False: `out.object` must be held against the bans first, which is not for under the lock.
bool Index::look_up(const Key& key, const http::Request& request, const policy::RequestClass& cls,
                    WallTime now, bool may_lead, Lookup& out) {
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  const auto it = s.entries.find(key.digest);
  Entry* entry = it == s.entries.end() ? nullptr : &it->second;
  if (entry && entry->key != key.text) {  // another key has this digest: never share
    out.what = may_lead ? Lookup::What::kPass : Lookup::What::kNone;
    return true;
  }
  if (entry) {
    if (const Ref<Object>* object = pick(entry->variants, request, now)) out.object = *object;
    out.vary_miss = !out.object && !entry->variants.empty();
    if (out.object && bans_.concern(out.object->mark())) return false;
  }
  if (out.object) {
    out.verdict = policy::may_reuse(cls, out.object->freshness(), now);
    if (out.verdict.reuse != policy::Reuse::kValidate) {
      out.what = Lookup::What::kHit;
      if (out.verdict.reuse == policy::Reuse::kStaleServe && may_lead) {
        const std::string& variant = variant_of(*entry, request);
        const bool may_begin = entry->leads.size() < kLeadsMost && !find_lead(*entry, variant);
        if (may_begin) out.busy = begin_lead(*entry, variant);
      }
      return true;
    }
  }
  if (!may_lead) return true;
  if (s.passes.stands(key.digest, cls.authorization, now)) {
    out.what = Lookup::What::kPass;
    return true;
  }
  if (!entry) entry = &make(s, key);
  lead_or_join(*entry, request, out);
  return true;
}

// With the shard's lock held.
void Index::lead_or_join(Entry& entry, const http::Request& request, Lookup& out) {
  out.what = Lookup::What::kLead;
  if (out.object && !out.object->freshness().serves_waiters()) {
    ++entry.alone;
    out.busy = make_ref<Busy>(entry.generation, purges_.load());
    return;
  }
  const std::string& variant = variant_of(entry, request);
  if (const Lead* lead = find_lead(entry, variant)) {
    out.what = Lookup::What::kJoin;
    out.busy = lead->busy;
  } else if (entry.leads.size() >= kLeadsMost) {
    out.what = Lookup::What::kPass;
  } else {
    out.busy = begin_lead(entry, variant);
  }
}

// The first of the variants; what it replaces, and what there are too many of, goes.
void Index::put(Entry& entry, const Ref<Object>& object, std::vector<Ref<Object>>& dead) {
  auto& variants = entry.variants;
  bury(variants, dead, [&](const Ref<Object>& old) { return replaces(*object, *old); });
  variants.insert(variants.begin(), object);
  std::size_t parts = 0;
  bury(variants, dead, [&](const Ref<Object>& o) { return o->part() && ++parts > kPartsMost; });
  if (variants.size() > kVariantsMost) {
    dead.push_back(std::move(variants.back()));
    variants.pop_back();
  }
}

// Before it can be found, it is held against what was purged since it was asked for.
void Index::make_known(const Key& key, Object& object) {
  std::vector<Digest> tags = tag_digests(object.tags());
  if (key.has_parts()) tags.push_back(url_tag(key.url()));
  tags_.enter(object.places(), object.mark(), key.digest, tags);
  hold_bans_against(key, object);
}

void Index::hold_bans_against(const Key& key, const Object& object) {
  if (bans_.concern(object.mark())) bans_.examine(key.url(), object.head(), object.mark());
}

void Index::publish(const Key& key, const Ref<Busy>& busy, Ref<Object> object,
                    Ref<Object> for_leader, const Object* old) {
  Graveyard dead;
  make_known(key, *object);
  if (old) {
    hold_bans_against(key, *old);
    object->mark().inherit(old->mark());
  }
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    const bool ours = entry && end_lead(*entry, *busy);
    if (ours && object->mark().gone()) {
      erase_if_bare(s, key.digest);
    } else if (ours) {
      s.passes.clear(key.digest, Whom::kEveryone);
      put(*entry, object, dead);
    }
  }
  busy->resolve(std::move(object), std::move(for_leader));
}

void Index::insert(const Key& key, Ref<Object> object) {
  Graveyard dead;
  make_known(key, *object);
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  // No purge of the key could find it. Another key of the shard may have been meant: no harm.
  if (object->mark().gone() || s.purged > object->mark().born()) return;
  const auto it = s.entries.find(key.digest);
  if (it != s.entries.end() && it->second.key != key.text) return;
  put(it == s.entries.end() ? make(s, key) : it->second, object, dead);
}

void Index::renew(const Key& key, const Object& old, Ref<Object> fresh) {
  Graveyard dead;
  make_known(key, *fresh);
  hold_bans_against(key, old);
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  Entry* entry = find(s, key);
  if (!entry || old.mark().purged_since(fresh->mark().born()) || fresh->mark().gone()) return;
  for (Ref<Object>& object : entry->variants) {
    if (object.get() != &old) continue;
    std::swap(object, fresh);
    dead.push_back(std::move(fresh));
    return;
  }
}

void Index::pass(const Key& key, const Ref<Busy>& busy, Ref<Object> object, WallTime until,
                 Whom whom) {
  {
    Shard& s = shard(key.digest);
    Lock lock(s.mutex);
    Entry* entry = find(s, key);
    if (entry && end_lead(*entry, *busy)) {
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
    if (entry && end_lead(*entry, *busy)) erase_if_bare(s, key.digest);
  }
  busy->fail(why);
}

void Index::forget(const Key& key, const Object& object) {
  Graveyard dead;
  Shard& s = shard(key.digest);
  Lock lock(s.mutex);
  Entry* entry = find(s, key);
  if (!entry) return;
  bury(entry->variants, dead, [&](const Ref<Object>& o) { return o.get() == &object; });
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
    variants = it->second.variants;
  }
  std::erase_if(variants, [](const Ref<Object>& o) {
    return !o->body().empty_of_chunks() || o->body().filling();
  });
  if (variants.empty()) return;
  Lock lock(s.mutex);
  const auto it = s.entries.find(id);
  if (it == s.entries.end()) return;
  bury(it->second.variants, dead,
       [&](const Ref<Object>& o) { return std::ranges::find(variants, o) != variants.end(); });
  erase_if_bare(s, id);
}

IndexStats Index::stats() const {
  IndexStats out;
  for (const Shard& s : shards_) {
    Lock lock(s.mutex);
    out.keys += s.entries.size();
    for (const auto& [digest, entry] : s.entries) {
      out.objects += entry.variants.size();
      out.busy += entry.leads.size() + entry.alone;
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
