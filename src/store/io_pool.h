#pragma once
// IoPool: threads that wait for disks, so that no worker does. A job is performed on one of them;
// then its owner's Task is posted to its Executor.
//
//   submit() --> queued --> running --> done, task posted      forget(): nothing is posted any more
//
// The queue is bounded: what does not fit is refused, and the caller does without the disk.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "base/ref.h"

namespace weir::store {

class IoJob : public RefCounted<IoJob> {
 public:
  virtual ~IoJob() = default;
  // The executor's thread. True: perform() has returned, and what it did may be read.
  bool done() const EXCLUDES_LOCK(mutex_);
  // The executor's thread, before `task` dies: it is not posted any more. A job that runs goes on.
  void forget() EXCLUDES_LOCK(mutex_);
  // forget(), and not before perform() has returned or will never be called: blocks. For the end.
  void forget_and_wait() EXCLUDES_LOCK(mutex_);

 protected:
  IoJob(Executor& executor, Task& task) : executor_(executor), task_(task) {}
  virtual void perform() noexcept = 0;  // a thread of the pool

 private:
  friend class IoPool;
  enum class State : std::uint8_t { kQueued, kRunning, kDone };
  void run() EXCLUDES_LOCK(mutex_);

  Executor& executor_;
  Task& task_;
  mutable Mutex mutex_;  // held while the task is posted: above the executor's own
  std::condition_variable_any over_;
  State state_ GUARDED_BY(mutex_) = State::kQueued;
  bool forgotten_ GUARDED_BY(mutex_) = false;
};

class IoPool {
 public:
  IoPool(unsigned threads, std::size_t queue_max);
  ~IoPool();  // performs what is queued

  // False: the queue is full, the job will not run.
  bool submit(Ref<IoJob> job) EXCLUDES_LOCK(mutex_);
  std::size_t queued() const EXCLUDES_LOCK(mutex_);

 private:
  void work() EXCLUDES_LOCK(mutex_);
  Ref<IoJob> next() EXCLUDES_LOCK(mutex_);

  const std::size_t queue_max_;
  mutable Mutex mutex_;
  std::condition_variable_any work_;
  std::deque<Ref<IoJob>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::store
