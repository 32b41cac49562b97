#pragma once
// Busy: a response that is being fetched and whose head is not known yet (Varnish's busy object).
// One Fetch leads it; any number of Exchanges, on any worker, join and wait for the head.
//
//   Pending --resolve(object)--> Ready     everybody gets the Object (its Body may still grow); the
//      |                                   leader perhaps one with fields that are for it alone
//      |-----pass(object)------> Passed    the leader gets it alone, the others fetch for
//      themselves
//      \-----fail(error)-------> Failed    the leader's error; the others may try anew

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "body/waiter.h"
#include "cache/hit_for_miss.h"
#include "cache/object.h"

namespace weir::cache {

// One who waits. Its owner calls Busy::leave before it dies.
struct Joiner : ListNode {
  body::Waiter* waiter = nullptr;
  bool leader = false;
};

class Busy : public RefCounted<Busy> {
 public:
  struct Pending {};
  struct Passed {                 // not for you: fetch for yourself
    Whom whom = Whom::kEveryone;  // kAuthorized: if you are without Authorization, look again
  };
  using State = std::variant<Pending, Ref<Object>, Passed, Error>;

  // `generation`: of the Index's entry that it belongs to; 0: of none. `purges`: the number of the
  // last purge by then.
  explicit Busy(std::uint64_t generation = 0, std::uint64_t purges = 0)
      : generation_(generation), purges_(purges) {}
  std::uint64_t generation() const { return generation_; }
  std::uint64_t purges() const { return purges_; }

  // The state now; Pending lists `joiner`, who will be woken once, under the lock that saw it.
  State join(Joiner& joiner) EXCLUDES_LOCK(mutex_);
  void leave(Joiner& joiner) EXCLUDES_LOCK(mutex_);
  // Whether anybody waits for the head.
  bool wanted() const EXCLUDES_LOCK(mutex_);

  // Why it was kept or not: static text, for Cache-Status and the log. Set before resolve or pass.
  void set_reason(std::string_view reason) EXCLUDES_LOCK(mutex_);
  std::string_view reason() const EXCLUDES_LOCK(mutex_);

  // Once, by the Fetch that leads (or the Index on its behalf).
  // `for_leader`: what the leader gets instead; null: the same.
  void resolve(Ref<Object> object, Ref<Object> for_leader = {}) EXCLUDES_LOCK(mutex_);
  void pass(Ref<Object> object, Whom whom = Whom::kEveryone) EXCLUDES_LOCK(mutex_);
  void fail(Error why) EXCLUDES_LOCK(mutex_);

 private:
  enum class Phase : std::uint8_t { kPending, kReady, kPassed, kFailed };
  void settle(Phase phase, Ref<Object> object, Whom whom, Error why) EXCLUDES_LOCK(mutex_);
  void settle_locked(Phase phase, Ref<Object> object, Whom whom, Error why) REQUIRES_LOCK(mutex_);

  const std::uint64_t generation_;
  const std::uint64_t purges_;
  mutable Mutex mutex_;
  Phase phase_ GUARDED_BY(mutex_) = Phase::kPending;
  Ref<Object> object_ GUARDED_BY(mutex_);
  Ref<Object> for_leader_ GUARDED_BY(mutex_);
  Whom whom_ GUARDED_BY(mutex_) = Whom::kEveryone;
  Error error_ GUARDED_BY(mutex_);
  std::string_view reason_ GUARDED_BY(mutex_);
  List<Joiner> joiners_ GUARDED_BY(mutex_);
};

}  // namespace weir::cache
