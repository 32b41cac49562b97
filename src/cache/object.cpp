#include "cache/object.h"

#include <utility>

#include "cache/tags.h"
#include "http/etag.h"

namespace weir::cache {

namespace {

// What the Index has of an object beside the key's text: its entry, a node of a table, a place in
// the table.
constexpr std::uint64_t kEntryBytes = 80;

bool has_rare(const ObjectParts& parts) {
  return !parts.vary_names.empty() || !parts.variant.empty() || parts.part || !parts.tags.empty() ||
         parts.forms;
}

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
  Rare& rare = make_rare();
  rare.vary_names = std::move(parts.vary_names);
  rare.variant = std::move(parts.variant);
  rare.part = parts.part;
  rare.tags = std::move(parts.tags);
  rare.forms = parts.forms.leak();
}

Object::~Object() { delete rare_.load(std::memory_order_acquire); }

Object::Rare::~Rare() {
  if (const Forms* made = forms.load(std::memory_order_acquire)) made->release();
}

// Any thread, at any time: another one may make it meanwhile.
Object::Rare& Object::make_rare() const {
  Rare* here = rare_.load(std::memory_order_acquire);
  if (here) return *here;
  auto made = std::make_unique<Rare>();
  if (!rare_.compare_exchange_strong(here, made.get(), std::memory_order_acq_rel)) return *here;
  return *made.release();
}

Forms& Object::forms() const {
  std::atomic<Forms*>& forms = make_rare().forms;
  Forms* here = forms.load(std::memory_order_acquire);
  if (here) return *here;
  Ref<Forms> made = make_ref<Forms>();
  if (!forms.compare_exchange_strong(here, made.get(), std::memory_order_acq_rel)) return *here;
  return *made.leak();
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
          .forms = Ref<Forms>(rare().forms.load(std::memory_order_acquire)),
          .tags = tags(),
          .purges = mark_.born()};
}

TagIndex::Places& Object::places() { return make_rare().places; }

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
