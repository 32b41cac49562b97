#include "cache/object.h"

#include "cache/tags.h"
#include "http/etag.h"

namespace weir::cache {

namespace {

// What the Index has of an object beside the key's text: its entry, a node of a table, a place in
// the table.
constexpr std::uint64_t kEntryBytes = 80;

bool has_rare(const ObjectParts& parts) {
  return !parts.vary_names.empty() || !parts.variant.empty() || parts.part || !parts.tags.empty();
}

}  // namespace

// Part of the 400 bytes that a small object may cost beyond its bytes.
static_assert(sizeof(Object) <= 112);

const Object::Rare Object::kNone{};

Object::Object(ObjectParts parts)
    : origin_status_(static_cast<std::uint16_t>(parts.origin_status)),
      shared_(parts.shared),
      mark_(parts.purges),
      freshness_(parts.freshness),
      head_(std::move(parts.head)),
      body_(std::move(parts.body)) {
  head_.fields.shrink();
  if (head_.reason == http::reason_phrase(head_.status)) head_.reason.clear();
  head_.framing = parts.length ? http::Framing::kLength : http::Framing::kNone;
  head_.length = parts.length.value_or(0);
  if (!has_rare(parts)) return;
  rare_ = std::make_unique<Rare>();
  rare_->vary_names = std::move(parts.vary_names);
  rare_->variant = std::move(parts.variant);
  rare_->part = parts.part;
  rare_->tags = std::move(parts.tags);
}

std::optional<std::uint64_t> Object::length() const {
  if (head_.framing == http::Framing::kNone) return {};
  return head_.length;
}

ObjectParts Object::parts() const {
  return {.head = head_,
          .freshness = freshness_,
          .vary_names = vary_names(),
          .variant = variant(),
          .body = body_,
          .length = length(),
          .origin_status = origin_status_,
          .shared = shared_,
          .part = part(),
          .tags = tags(),
          .purges = mark_.born()};
}

TagIndex::Places& Object::places() {
  if (!rare_) rare_ = std::make_unique<Rare>();
  return rare_->places;
}

std::string_view Object::strong_etag() const {
  const auto text = head_.fields.get(http::FieldId::kETag);
  const auto etag = text ? http::parse_etag(*text) : std::nullopt;
  return etag && !etag->weak ? etag->opaque : std::string_view{};
}

std::uint64_t Object::footprint(const ObjectParts& parts, const Key& key) {
  std::uint64_t bytes = sizeof(Object) + parts.head.fields.footprint() + parts.head.reason.size() +
                        kEntryBytes + key.text.size();
  const std::size_t places = count_tags(parts.tags) + (key.has_parts() ? 1 : 0);
  if (has_rare(parts) || places > 0) {
    bytes += sizeof(Rare) + parts.variant.size() + parts.tags.size() + places * kTagBytes;
    for (const std::string& name : parts.vary_names) bytes += sizeof name + name.size();
  }
  return bytes + bytes / 8;  // as allocators round up
}

}  // namespace weir::cache
