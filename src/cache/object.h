#pragma once
// Object: a stored response. Unchanging once made but for its PurgeMark, so it is read by any
// thread without a lock; a 304 makes a new Object on the same Body. The Body may still be filling,
// and may lose chunks. There are millions: what few have is kept apart.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "body/body.h"
#include "cache/key.h"
#include "cache/purge_mark.h"
#include "cache/tag_index.h"
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
  http::Response head;  // cleaned for storing: no hop-by-hop fields; its framing does not count
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

  const http::Response& head() const { return head_; }  // a standard reason phrase is left out
  policy::Freshness freshness() const {
    policy::Freshness f = freshness_;
    if (const auto since = mark_.stale_since()) f.end(*since);
    return f;
  }
  const std::vector<std::string>& vary_names() const { return rare().vary_names; }
  const std::string& variant() const { return rare().variant; }
  body::Body& body() const { return *body_; }
  Ref<body::Body> body_ref() const { return body_; }
  std::optional<std::uint64_t> length() const;
  int origin_status() const { return origin_status_; }
  bool shared() const { return shared_; }
  const std::optional<Part>& part() const { return rare().part; }
  ObjectParts parts() const;  // for another Object on the same body
  Forms& forms() const;       // made when they are first asked for
  const std::string& tags() const { return rare().tags; }
  PurgeMark& mark() const { return mark_; }
  TagIndex::Places& places();  // for who makes it known to the Index, before others see it
  // The ETag, or nothing; only a strong one may join bytes of two responses (RFC 9110 §8.8.3.2).
  std::string_view strong_etag() const;

  // Memory beside the body's chunks of an Object that is made of `parts`, for the store's account.
  // Bytes.
  static std::uint64_t footprint(const ObjectParts& parts, const Key& key);

 private:
  struct Rare {
    std::vector<std::string> vary_names;
    std::string variant;
    std::optional<Part> part;
    std::string tags;
    std::atomic<Forms*> forms{nullptr};  // a counted reference
    TagIndex::Places places;

    Rare() = default;
    Rare(const Rare&) = delete;
    Rare& operator=(const Rare&) = delete;
    ~Rare();
  };
  static const Rare kNone;

  const Rare& rare() const {
    const Rare* rare = rare_.load(std::memory_order_acquire);
    return rare ? *rare : kNone;
  }
  Rare& make_rare() const;

  std::uint16_t origin_status_;  // first: these fill the gap behind the Ref count
  bool shared_;
  mutable PurgeMark mark_;  // beside the count of Refs: every hit looks at both
  policy::Freshness freshness_;
  http::Response head_;  // framed by length, where that is known: length()
  Ref<body::Body> body_;
  mutable std::atomic<Rare*> rare_{nullptr};  // ours; null while there is nothing in it
};

}  // namespace weir::cache
