#include "cache/shelf.h"

#include <algorithm>

#include "cache/index.h"
#include "cache/object_blob.h"
#include "cache/tags.h"

namespace weir::cache {
namespace {

constexpr Seconds kClockSlack{60};

}  // namespace

Ref<body::Backing> Shelf::backing(const Key& key, std::optional<std::uint64_t> total) const {
  if (total && (*total < settings_.object_min || *total > settings_.object_max)) return {};
  if (!disks_.in_use()) return {};
  return disks_.create_body(key.digest);
}

void Shelf::kept(const Key& key, const Object& object) {
  const store::DiskBody* body = disk_body(object);
  if (body && (body->put() || !settings_.second_hit) && put(key, object)) return;
  // What was stored of this variant is of the past, though nothing takes its place.
  disks_.drop_variant(key.digest, variant_name(object));
}

// False: it is not on disk, nor on its way there.
bool Shelf::put(const Key& key, const Object& object) {
  if (object.mark().gone()) return false;
  // A purge of its URL could not find it after a restart.
  if (key.has_parts() && !purges_.may_store_parts()) return false;
  store::DiskBody& body = *disk_body(object);
  const bool fresh = !body.put();
  disks_.put_object(body, variant_name(object), object.body().refillable(),
                    object.body().total().value_or(body::kUnlimited), to_blob(key.text, object));
  if (fresh && body.put()) object.body().offer_all();
  return body.put();
}

// Another worker may have put a newer one into its place, here or in the Index, meanwhile.
void Shelf::store_late(const Key& key, const Object& object, const Index& index) {
  if (put(key, object) && !index.holds(key, object)) forgotten(key.digest, object);
}

void Shelf::finished(const Key& key, const Object& object, const Index& index) {
  const store::DiskBody* body = disk_body(object);
  if (!body || !body->put() || object.length()) return;
  const Ref<Object> newest = index.of_body(key, object.body());
  if (newest) put(key, *newest);
}

void Shelf::forgotten(const Digest& key, const Object& object) {
  if (const store::DiskBody* body = disk_body(object)) disks_.drop(key, body->body());
}

// The log first: a tombstone may wait long to be written, and a soft purge has none.
std::size_t Shelf::purged(const Key& key, const Purging& purging, bool known) {
  const auto [all, alone] = disks_.bodies(key.digest);
  if (all == 0 && !known) {
    purges_.pass(purging.number);
    return 0;
  }
  purges_.add_tag(url_tag(key.url()), purging);
  if (purging.mode == PurgeMode::kHard) disks_.purge(key.digest);
  return alone;
}

void Shelf::restore(const Key& key, const std::vector<store::StoredObject>& found, Index& index,
                    WallTime now) {
  for (const store::StoredObject& stored : found) {
    const Ref<Object> object = make(key, stored, now);
    if (!object) continue;
    index.restore(key, object);
    if (!disks_.alive(key.digest, stored.body)) index.take(key, *object);
  }
}

// What purges have said of it while nobody knew it. False: it is gone.
bool Shelf::judge(const Key& key, ObjectParts& parts) const {
  std::vector<Digest> tags = tag_digests(parts.tags);
  tags.push_back(url_tag(key.url()));
  const PurgeLog::Verdict verdict = purges_.judge(key.url(), tags, parts.head, parts.purges);
  if (verdict.stale_since) parts.freshness.end(*verdict.stale_since);
  parts.purges = verdict.number;
  return !verdict.gone;
}

// Null: purged, of no use, or there is no room in memory.
Ref<Object> Shelf::make(const Key& key, const store::StoredObject& stored, WallTime now) {
  auto content = from_blob(stored.description);
  const bool useless = !content || (!stored.refillable && !stored.whole);
  if (useless) disks_.drop(key.digest, stored.body);
  if (useless || content->key != key.text) return {};
  if (!judge(key, content->parts)) {
    disks_.drop(key.digest, stored.body);
    return {};
  }
  // Of a clock that has been put back since, its age says nothing.
  if (content->parts.freshness.response_time > now + kClockSlack) content->parts.freshness.end(now);
  body::BodyOptions options;
  options.id = key.digest;
  options.total = stored.total;
  options.meta_bytes = Object::footprint(content->parts, key);
  options.refillable = stored.refillable;
  options.backing = disks_.open_body(key.digest, stored.body);
  options.restored = true;
  if (stored.total.value_or(0) > memory_.keep_limit())
    options.lead_limit = memory_.keep_limit() / 4;
  content->parts.body = memory_.create(options);
  if (!content->parts.body->servable() || content->parts.body->empty_of_chunks()) return {};
  return make_ref<Object>(std::move(content->parts));
}

}  // namespace weir::cache
