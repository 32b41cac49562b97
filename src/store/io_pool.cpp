#include "store/io_pool.h"

namespace weir::store {

bool IoJob::done() const {
  Lock lock(mutex_);
  return state_ == State::kDone;
}

void IoJob::forget() {
  Lock lock(mutex_);
  forgotten_ = true;
  executor_.cancel(task_);
}

void IoJob::forget_and_wait() {
  Lock lock(mutex_);
  forgotten_ = true;
  executor_.cancel(task_);
  while (state_ == State::kRunning) over_.wait(mutex_);
}

void IoJob::run() {
  {
    Lock lock(mutex_);
    if (forgotten_) return;
    state_ = State::kRunning;
  }
  perform();
  Lock lock(mutex_);
  state_ = State::kDone;
  over_.notify_all();
  if (!forgotten_) executor_.post(task_);
}

IoPool::IoPool(unsigned threads, std::size_t queue_max) : queue_max_(queue_max) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

IoPool::~IoPool() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool IoPool::submit(Ref<IoJob> job) {
  Lock lock(mutex_);
  if (stopping_ || queue_.size() >= queue_max_) return false;
  queue_.push_back(std::move(job));
  work_.notify_one();
  return true;
}

std::size_t IoPool::queued() const {
  Lock lock(mutex_);
  return queue_.size();
}

// Null: the end.
Ref<IoJob> IoPool::next() {
  Lock lock(mutex_);
  while (queue_.empty() && !stopping_) work_.wait(mutex_);
  if (queue_.empty()) return {};
  Ref<IoJob> job = std::move(queue_.front());
  queue_.pop_front();
  return job;
}

void IoPool::work() {
  while (const Ref<IoJob> job = next()) job->run();
}

}  // namespace weir::store
