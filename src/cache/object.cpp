#include "cache/object.h"

#include "http/etag.h"

namespace weir::cache {

Object::Object(ObjectParts parts) : mark_(parts.purges), parts_(std::move(parts)) {
  const auto text = parts_.head.fields.get(http::FieldId::kETag);
  if (!text) return;
  const auto etag = http::parse_etag(*text);
  if (etag && !etag->weak) strong_etag_ = etag->opaque;
}

std::uint64_t Object::footprint(const http::Response& head, std::size_t key_bytes,
                                const Tags& tags) {
  return sizeof(Object) + head.fields.bytes() + key_bytes + tags.footprint();
}

}  // namespace weir::cache
