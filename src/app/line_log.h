#pragma once
// LineLog: lines of all workers, written by one thread. A worker fills a batch of its own and hands
// it over when it is full. It never waits: when more is outstanding than allowed, because the disk
// or pipe is slower than the traffic, lines are dropped and counted.
//
//   LineBatch (a worker's) --hand_over()--> queue --step()--> LogOutput
//                          <-- spare buffers --'

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <string_view>
#include <thread>
#include <vector>

#include "app/log_buffer.h"
#include "app/log_output.h"
#include "base/mutex.h"

namespace weir::app {

// What a worker has written and not yet handed over.
struct LineBatch {
  LogBuffer bytes;
  std::uint64_t lines = 0;
};

class LineLog {
 public:
  struct Limits {
    std::size_t buffer = 64 << 10;       // a worker hands over when it holds this much
    std::size_t outstanding = 16 << 20;  // handed over and not yet written
  };

  // `name`: what the error log calls it; a literal.
  LineLog(std::string_view name, LogOutput output, Limits limits);
  // Stops. REQUIRES: nobody hands over any more.
  ~LineLog();
  LineLog(const LineLog&) = delete;

  const Limits& limits() const { return limits_; }
  // A worker: takes the lines, or drops and counts them; the batch comes back empty.
  void hand_over(LineBatch& batch) EXCLUDES_LOCK(mutex_);

  // Starts the writing thread. Without it whoever calls step() is that thread.
  void start();
  // Writes what is outstanding, for so long; what is left then counts as dropped.
  void stop(Duration patience);
  // Any thread: opens the path again before the next write, after the file was renamed.
  void reopen() EXCLUDES_LOCK(mutex_);

  // Any thread. Lines since the start.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }

  enum class Step : std::uint8_t { kIdle, kWrote, kStuck };
  // The writing thread: writes what fits of the oldest buffer, without waiting.
  Step step() EXCLUDES_LOCK(mutex_);

 private:
  // The writing thread's.
  void run();
  bool wait_for_work() EXCLUDES_LOCK(mutex_);
  bool past_deadline() EXCLUDES_LOCK(mutex_);
  bool take_next() EXCLUDES_LOCK(mutex_);
  void reopen_if_asked() EXCLUDES_LOCK(mutex_);
  Step write_front();
  void give_up(Error why);
  void release_front() EXCLUDES_LOCK(mutex_);
  void report(TimePoint now);

  const std::string_view name_;
  const Limits limits_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> written_{0};

  Mutex mutex_;
  std::condition_variable_any work_;
  std::deque<LineBatch> queue_ GUARDED_BY(mutex_);
  std::vector<LogBuffer> spare_ GUARDED_BY(mutex_);
  std::size_t outstanding_ GUARDED_BY(mutex_) = 0;
  bool reopen_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  TimePoint deadline_ GUARDED_BY(mutex_);

  // Only the writing thread touches these.
  LogOutput output_;
  LineBatch front_;       // being written; empty: none
  std::size_t done_ = 0;  // bytes of it
  bool torn_ = false;     // the last line was cut: end it before the next
  Error last_error_{};
  std::uint64_t reported_ = 0;
  TimePoint next_report_{};

  std::thread thread_;
};

}  // namespace weir::app
