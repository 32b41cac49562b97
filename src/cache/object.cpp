#include "cache/object.h"

#include <utility>

#include "http/etag.h"

namespace weir::cache {

namespace {

// What the Index has of an object beside the key's text: its entry, a node of a table, a place in a
// list of variants.
constexpr std::uint64_t kEntryBytes = 176;

}  // namespace

Ref<body::Body> Forms::find(http::Coding coding) const {
  Lock lock(mutex_);
  const Ref<body::Body>& body = bodies_[static_cast<std::size_t>(coding)];
  return body && body->servable() ? body : nullptr;
}

Ref<body::Body> Forms::offer(http::Coding coding, Ref<body::Body> body) {
  Ref<body::Body> old;  // dies outside of the lock
  Lock lock(mutex_);
  Ref<body::Body>& here = bodies_[static_cast<std::size_t>(coding)];
  if (here && here->servable()) return here;
  old = std::exchange(here, body);
  return body;
}

Object::Object(ObjectParts parts)
    : mark_(parts.purges), parts_(std::move(parts)), forms_(parts_.forms.leak()) {
  parts_.head.fields.shrink();
  const auto text = parts_.head.fields.get(http::FieldId::kETag);
  if (!text) return;
  const auto etag = http::parse_etag(*text);
  if (etag && !etag->weak) strong_etag_ = etag->opaque;
}

Object::~Object() {
  if (const Forms* forms = forms_.load(std::memory_order_acquire)) forms->release();
}

ObjectParts Object::parts() const {
  ObjectParts parts = parts_;
  parts.forms = Ref<Forms>(forms_.load(std::memory_order_acquire));
  return parts;
}

Forms& Object::forms() const {
  Forms* here = forms_.load(std::memory_order_acquire);
  if (here) return *here;
  Ref<Forms> made = make_ref<Forms>();
  if (!forms_.compare_exchange_strong(here, made.get(), std::memory_order_acq_rel)) return *here;
  return *made.leak();
}

std::uint64_t Object::footprint(const http::Response& head, std::size_t key_bytes,
                                const Tags& tags) {
  const std::uint64_t bytes =
      sizeof(Object) + head.fields.footprint() + kEntryBytes + key_bytes + tags.footprint();
  return bytes + bytes / 8;  // as allocators round up
}

}  // namespace weir::cache
