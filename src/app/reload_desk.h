#pragma once
// ReloadDesk: where a reload is asked for, and where its outcome is told. Who asks is on some Loop;
// the main thread does it, woken by SIGHUP. Any thread; the lock is a leaf but for Executor::post.
//
//   ask() ... SIGHUP --main thread: begin()--> reload --finish()--> everybody who asked before
//                                                                   begin() is posted

#include <pthread.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"

namespace weir::app {

struct ReloadOutcome {
  std::string error;                 // why nothing changed, for people; empty: it was done
  std::vector<std::string> changes;  // what is different now, one by one
  std::vector<std::string> kept;     // what will be after a restart
};

class ReloadDesk {
 public:
  // To be made by the main thread.
  ReloadDesk() = default;

  // `who` is posted to `where` when there is an outcome, which take() then gives.
  void ask(Executor& where, Task& who) EXCLUDES_LOCK(mutex_);
  std::shared_ptr<const ReloadOutcome> take(const Task& who) EXCLUDES_LOCK(mutex_);
  void forget(const Task& who) EXCLUDES_LOCK(mutex_);

  // The main thread.
  void begin() EXCLUDES_LOCK(mutex_);
  void finish(ReloadOutcome outcome) EXCLUDES_LOCK(mutex_);

 private:
  struct Asker {
    Executor* where;
    Task* who;
    bool begun = false;
    std::shared_ptr<const ReloadOutcome> outcome = {};
  };
  const pthread_t main_ = ::pthread_self();
  Mutex mutex_;
  std::vector<Asker> askers_ GUARDED_BY(mutex_);
};

}  // namespace weir::app
