#pragma once
// ReloadDesk: where a reload is asked for, and where its outcome is told. Who asks is on some Loop;
// the main thread does it, woken by SIGHUP. Any thread; the lock is a leaf but for Executor::post.
//
//   ask() ... SIGHUP --main thread: begin()--> reload --finish()--> everybody who asked before
//                                                                   begin() is posted

#include <pthread.h>

#include <cstdint>
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
  // What could not be opened again, each with why. A log goes on in its old file, a recording has
  // ended. Also beside an error.
  std::vector<std::string> logs = {};
};

// What came of them so far.
struct ReloadCounts {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  bool last_failed = false;
  std::uint64_t after_restart = 0;  // values of the file that wait for one
};

class ReloadDesk {
 public:
  // To be made by the main thread.
  ReloadDesk() = default;

  // `who` is posted to `where` when there is an outcome, which take() then gives.
  void ask(Executor& where, Task& who) EXCLUDES_LOCK(mutex_);
  std::shared_ptr<const ReloadOutcome> take(const Task& who) EXCLUDES_LOCK(mutex_);
  void forget(const Task& who) EXCLUDES_LOCK(mutex_);
  ReloadCounts counts() const EXCLUDES_LOCK(mutex_);

  // The main thread.
  void begin() EXCLUDES_LOCK(mutex_);
  void finish(ReloadOutcome outcome) EXCLUDES_LOCK(mutex_);
  void close() EXCLUDES_LOCK(mutex_);  // we are about to end: whoever asks is told that

 private:
  struct Asker {
    Executor* where;
    Task* who;
    bool begun = false;
    std::shared_ptr<const ReloadOutcome> outcome = {};
  };
  static void refuse(Asker& asker);

  const pthread_t main_ = ::pthread_self();
  mutable Mutex mutex_;
  std::vector<Asker> askers_ GUARDED_BY(mutex_);
  ReloadCounts counts_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::app
