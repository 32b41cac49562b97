#include "cache/busy.h"

namespace weir::cache {

Busy::State Busy::join(Joiner& joiner) {
  Lock lock(mutex_);
  switch (phase_) {
    case Phase::kPending:
      if (!joiner.linked()) joiners_.push_back(joiner);
      return Pending{};
    case Phase::kReady:
      return joiner.leader && for_leader_ ? for_leader_ : object_;
    case Phase::kPassed:
      if (joiner.leader) return object_;
      return Passed{whom_};
    case Phase::kFailed:
      return error_;
  }
  check_failed("unknown phase", __FILE__, __LINE__);
}

void Busy::leave(Joiner& joiner) {
  Lock lock(mutex_);
  joiner.unlink();
}

bool Busy::wanted() const {
  Lock lock(mutex_);
  return !joiners_.empty();
}

void Busy::set_reason(std::string_view reason) {
  Lock lock(mutex_);
  reason_ = reason;
}

std::string_view Busy::reason() const {
  Lock lock(mutex_);
  return reason_;
}

void Busy::resolve(Ref<Object> object, Ref<Object> for_leader) {
  Lock lock(mutex_);
  for_leader_ = std::move(for_leader);
  settle_locked(Phase::kReady, std::move(object), Whom::kEveryone, {});
}
void Busy::pass(Ref<Object> object, Whom whom) {
  settle(Phase::kPassed, std::move(object), whom, {});
}
void Busy::fail(Error why) { settle(Phase::kFailed, {}, Whom::kEveryone, why); }

void Busy::settle(Phase phase, Ref<Object> object, Whom whom, Error why) {
  Lock lock(mutex_);
  settle_locked(phase, std::move(object), whom, why);
}

void Busy::settle_locked(Phase phase, Ref<Object> object, Whom whom, Error why) {
  WEIR_CHECK(phase_ == Phase::kPending);
  phase_ = phase;
  object_ = std::move(object);
  whom_ = whom;
  error_ = why;
  while (Joiner* joiner = joiners_.pop_front()) joiner->waiter->wake();
}

}  // namespace weir::cache
