#pragma once
// Object: a stored response. Unchanging once made but for its PurgeMark, so it is read by any
// thread without a lock; a 304 makes a new Object on the same Body. The Body may still be filling,
// and may lose chunks.

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "body/body.h"
#include "cache/purge_mark.h"
#include "cache/tag_index.h"
#include "cache/tags.h"
#include "http/coding.h"
#include "http/head.h"
#include "http/range.h"
#include "policy/freshness.h"

namespace weir::cache {

// Which bytes of a representation a body is, where it is not all of it (RFC 9111 §3.3).
struct Part {
  http::ByteRange range;
  std::uint64_t total = 0;  // of the representation
  friend bool operator==(const Part&, const Part&) = default;
};

// The coded forms of a body, made as they are asked for. They live and die with the object, and are
// evicted apart from it. Any thread; the lock is a leaf.
class Forms : public RefCounted<Forms> {
 public:
  // The form in that coding, whole or being made; null: none that can be served.
  Ref<body::Body> find(http::Coding coding) const EXCLUDES_LOCK(mutex_);
  // `body` becomes the form unless there is one by now, which is returned then.
  Ref<body::Body> offer(http::Coding coding, Ref<body::Body> body) EXCLUDES_LOCK(mutex_);

 private:
  mutable Mutex mutex_;
  std::array<Ref<body::Body>, http::kCodings> bodies_ GUARDED_BY(mutex_);
};

struct ObjectParts {
  http::Response head;  // cleaned for storing: no hop-by-hop fields, no framing
  policy::Freshness freshness;
  std::vector<std::string> vary_names;  // policy::vary_names; empty: every request matches
  std::string variant;                  // policy::variant_text of the request that fetched it
  Ref<body::Body> body;
  // What Content-Length said, also where no body came with it (HEAD). Bytes.
  std::optional<std::uint64_t> length;
  int origin_status = 0;  // what the origin answered: 304 for a freshened object
  // Whether the bytes may be given to other requests too. A passed response is for one alone.
  bool shared = true;
  // The body is these bytes alone, complete in itself: of what has no strong validator nothing else
  // may be added to it (RFC 9111 §3.4). Nothing: the body is the representation, perhaps with
  // holes.
  std::optional<Part> part = {};
  Ref<Forms> forms = {};     // of the same body; null: none was asked for yet
  std::string tags = {};     // Tags::text
  std::uint64_t purges = 0;  // the number of the last purge when it was asked for: Busy::purges()
};

class Object : public RefCounted<Object> {
 public:
  explicit Object(ObjectParts parts);
  ~Object();

  const http::Response& head() const { return parts_.head; }
  policy::Freshness freshness() const {
    policy::Freshness f = parts_.freshness;
    if (const auto since = mark_.stale_since()) f.end(*since);
    return f;
  }
  const std::vector<std::string>& vary_names() const { return parts_.vary_names; }
  const std::string& variant() const { return parts_.variant; }
  body::Body& body() const { return *parts_.body; }
  Ref<body::Body> body_ref() const { return parts_.body; }
  std::optional<std::uint64_t> length() const { return parts_.length; }
  int origin_status() const { return parts_.origin_status; }
  bool shared() const { return parts_.shared; }
  const std::optional<Part>& part() const { return parts_.part; }
  // For another Object on the same body.
  ObjectParts parts() const;
  Forms& forms() const;  // made when they are first asked for
  const std::string& tags() const { return parts_.tags; }
  PurgeMark& mark() const { return mark_; }
  TagIndex::Places& places() { return places_; }  // for who makes it known to the Index
  // The ETag, or nothing; only a strong one may join bytes of two responses (RFC 9110 §8.8.3.2).
  std::string_view strong_etag() const { return strong_etag_; }

  // Memory beside the body's chunks, for the store's account. Bytes.
  static std::uint64_t footprint(const http::Response& head, std::size_t key_bytes,
                                 const Tags& tags = {});

 private:
  mutable PurgeMark mark_;  // beside the count of Refs: every hit looks at both
  ObjectParts parts_;
  mutable std::atomic<Forms*> forms_;  // a counted reference
  std::string_view strong_etag_;
  TagIndex::Places places_;  // after the mark, to which they point
};

}  // namespace weir::cache
