#pragma once
// Executor: where work for another thread is left. net::Loop is one; tests have their own.

#include "base/list.h"

namespace weir {

class Executor;

// A piece of work owned by whoever posts it. Posting one that already waits does nothing, so one
// Task is one pending wake however often it is rung. Its owner must call Executor::cancel (from the
// executor's thread) before the Task dies, unless it knows that it is not posted.
class Task : public ListNode {
 public:
  // On the executor's thread, no lock held.
  virtual void run() noexcept = 0;

 protected:
  ~Task() = default;
};

class Executor {
 public:
  // Any thread. Runs task.run() soon on the executor's thread. Takes only its own leaf lock.
  virtual void post(Task& task) noexcept = 0;
  // Executor's thread only. After it returns the task neither runs nor waits.
  virtual void cancel(Task& task) noexcept = 0;

 protected:
  ~Executor() = default;
};

}  // namespace weir
