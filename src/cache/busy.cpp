#include "cache/busy.h"

namespace weir::cache {

Busy::State Busy::join(Joiner& joiner) {
  Lock lock(mutex_);
  switch (phase_) {
    case Phase::kPending:
      if (!joiner.linked()) joiners_.push_back(joiner);
      return Pending{};
    case Phase::kReady:
      return object_;
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

void Busy::resolve(Ref<Object> object) {
  settle(Phase::kReady, std::move(object), Whom::kEveryone, {});
}
void Busy::pass(Ref<Object> object, Whom whom) {
  settle(Phase::kPassed, std::move(object), whom, {});
}
void Busy::fail(Error why) { settle(Phase::kFailed, {}, Whom::kEveryone, why); }

void Busy::settle(Phase phase, Ref<Object> object, Whom whom, Error why) {
  Lock lock(mutex_);
  WEIR_CHECK(phase_ == Phase::kPending);
  phase_ = phase;
  object_ = std::move(object);
  whom_ = whom;
  error_ = why;
  while (Joiner* joiner = joiners_.pop_front()) joiner->waiter->wake();
}

}  // namespace weir::cache
