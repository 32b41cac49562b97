#include "cache/object.h"

#include "http/etag.h"

namespace weir::cache {

namespace {

// What the Index has of an object beside the key's text: its entry, a node of a table, a place in a
// list of variants.
constexpr std::uint64_t kEntryBytes = 176;

}  // namespace

Object::Object(ObjectParts parts) : mark_(parts.purges), parts_(std::move(parts)) {
  parts_.head.fields.shrink();
  const auto text = parts_.head.fields.get(http::FieldId::kETag);
  if (!text) return;
  const auto etag = http::parse_etag(*text);
  if (etag && !etag->weak) strong_etag_ = etag->opaque;
}

std::uint64_t Object::footprint(const http::Response& head, std::size_t key_bytes,
                                const Tags& tags) {
  const std::uint64_t bytes =
      sizeof(Object) + head.fields.footprint() + kEntryBytes + key_bytes + tags.footprint();
  return bytes + bytes / 8;  // as allocators round up
}

}  // namespace weir::cache
