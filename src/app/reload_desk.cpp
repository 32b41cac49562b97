#include "app/reload_desk.h"

#include <signal.h>

#include <algorithm>
#include <utility>

namespace weir::app {

void ReloadDesk::ask(Executor& where, Task& who) {
  {
    const Lock lock(mutex_);
    askers_.push_back({&where, &who});
    if (closed_) return refuse(askers_.back());
  }
  ::pthread_kill(main_, SIGHUP);
}

void ReloadDesk::close() {
  const Lock lock(mutex_);
  closed_ = true;
  for (Asker& asker : askers_) {
    if (!asker.outcome) refuse(asker);
  }
}

void ReloadDesk::refuse(Asker& asker) {
  asker.outcome = std::make_shared<const ReloadOutcome>(
      ReloadOutcome{.error = "this Weir is about to end", .changes = {}, .kept = {}});
  asker.where->post(*asker.who);
}

std::shared_ptr<const ReloadOutcome> ReloadDesk::take(const Task& who) {
  const Lock lock(mutex_);
  const auto at = std::ranges::find(askers_, &who, &Asker::who);
  if (at == askers_.end() || !at->outcome) return nullptr;
  auto outcome = std::move(at->outcome);
  askers_.erase(at);
  return outcome;
}

void ReloadDesk::forget(const Task& who) {
  const Lock lock(mutex_);
  std::erase_if(askers_, [&](const Asker& a) { return a.who == &who; });
}

ReloadCounts ReloadDesk::counts() const {
  const Lock lock(mutex_);
  return counts_;
}

void ReloadDesk::begin() {
  const Lock lock(mutex_);
  for (Asker& asker : askers_) asker.begun = true;
}

void ReloadDesk::finish(ReloadOutcome outcome) {
  const auto told = std::make_shared<const ReloadOutcome>(std::move(outcome));
  const Lock lock(mutex_);
  counts_.last_failed = !told->error.empty();
  ++(counts_.last_failed ? counts_.failed : counts_.done);
  if (!counts_.last_failed) counts_.after_restart = told->kept.size();
  for (Asker& asker : askers_) {
    if (!asker.begun || asker.outcome) continue;
    asker.outcome = told;
    asker.where->post(*asker.who);
  }
}

}  // namespace weir::app
