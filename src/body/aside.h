#pragma once
// Who fills and follows a Body now, and what only bodies of several chunks have. Private to body/,
// and kept aside, so that a small body at rest stays small.

#include <cstdint>

#include "base/error.h"
#include "base/list.h"
#include "base/ref.h"
#include "body/body.h"

namespace weir::body {

// A BodyWriter as its Body knows it. Guarded by the Body's lock but for what is marked.
struct Fill : ListNode {
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  Fill(Ref<Body> filled, std::uint64_t first, std::uint64_t stop, Waiter& waiter)
      : body(std::move(filled)), owner(waiter), begin(first), end(stop), cursor(first) {}

  const Ref<Body> body;
  Waiter& owner;
  const std::uint64_t begin;
  const std::uint64_t end;
  std::uint64_t cursor;             // written by the writer's thread only
  std::size_t given = 0;            // writer's thread: what space() gave and commit() may take
  std::uint32_t reserved = kNone;   // the slot that is this fill's
  bool scratch = false;             // writer's thread: what was given is not kept
  bool stopped = false;             // by the lead limit, to be woken
  bool awaits_room = false;         // writer's thread: may be listed at the source
  std::uint64_t lead = kUnlimited;  // how far it may be ahead of its readers
  std::uint64_t press_until = kUnlimited;  // writer's thread: up to here room may be pressed for
};

struct Aside {
  // The slots but the first that have a chunk or are reserved. Sparse: a range far out costs what
  // it brings.
  Body::Slots slots;
  std::uint64_t lead_limit = kUnlimited;  // BodyOptions::lead_limit
  List<Fill> fills;
  List<BodyReader> reading;      // tracked readers that do not wait
  List<BodyReader> waiting;      // readers that were told to
  Error error;                   // when the body has failed: why...
  std::uint64_t failed_at = 0;   // ...and from which byte on
  std::uint32_t first_kept = 0;  // drop_passed: slots before this one are gone
  std::uint32_t pins = 0;        // living BodyPins

  bool idle() const {
    return fills.empty() && reading.empty() && waiting.empty() && pins == 0 && slots.empty() &&
           lead_limit == kUnlimited;
  }

  // Every reader that is in a list. It may unlink the one it is given.
  template <class Visit>
  void each_reader(Visit visit) const {
    for (const List<BodyReader>* list : {&reading, &waiting}) {
      for (BodyReader* r = list->front(); r;) {
        BodyReader* next = list->next(*r);
        visit(*r);
        r = next;
      }
    }
  }
};

inline std::uint64_t add_saturated(std::uint64_t a, std::uint64_t b) {
  return b > kUnlimited - a ? kUnlimited : a + b;
}
inline constexpr std::uint64_t chunk_floor(std::uint64_t offset) {
  return offset - offset % kChunkSize;
}
inline constexpr std::uint32_t chunk_index(std::uint64_t offset) {
  return static_cast<std::uint32_t>(offset / kChunkSize);
}

}  // namespace weir::body
