#pragma once
// The access log. Workers format lines into buffers of their own; full buffers go to one thread
// that writes them. A worker never waits: when more is outstanding than allowed, because the disk
// or pipe is slower than the traffic, lines are dropped and counted.
//
//   AccessWriter (a worker's) --full or flush()--> queue --step()--> LogOutput
//                             <----- spare buffers -----'

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "app/log_format.h"
#include "app/log_output.h"
#include "base/mutex.h"

namespace weir::app {

class AccessLog {
 public:
  struct Limits {
    std::size_t buffer = 64 << 10;       // a worker hands over when it holds this much
    std::size_t outstanding = 16 << 20;  // handed over and not yet written
  };

  // Null when the conf says "off".
  static Result<std::unique_ptr<AccessLog>> open(const LogConf& conf);
  AccessLog(LogOutput output, LogFormat format, Limits limits);
  // Stops. REQUIRES: every AccessWriter is gone.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;

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
  friend class AccessWriter;
  struct Batch {
    LogBuffer bytes;
    std::uint64_t lines = 0;
  };

  // A worker: takes the lines, or drops and counts them; the batch comes back empty.
  void hand_over(Batch& batch) EXCLUDES_LOCK(mutex_);

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

  const LogFormat format_;
  const Limits limits_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> written_{0};

  Mutex mutex_;
  std::condition_variable_any work_;
  std::deque<Batch> queue_ GUARDED_BY(mutex_);
  std::vector<LogBuffer> spare_ GUARDED_BY(mutex_);
  std::size_t outstanding_ GUARDED_BY(mutex_) = 0;
  bool reopen_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  TimePoint deadline_ GUARDED_BY(mutex_);

  // Only the writing thread touches these.
  LogOutput output_;
  Batch front_;           // being written; empty: none
  std::size_t done_ = 0;  // bytes of it
  bool torn_ = false;     // the last line was cut: end it before the next
  Error last_error_{};
  std::uint64_t reported_ = 0;
  TimePoint next_report_{};

  std::thread thread_;
};

// A worker's end of the log; its thread only.
class AccessWriter {
 public:
  // Null: nothing is logged. The log must outlive the writer.
  explicit AccessWriter(AccessLog* log);
  ~AccessWriter() { flush(); }
  AccessWriter(const AccessWriter&) = delete;

  void write(const proxy::AccessEntry& entry);
  // Hands over what there is; to be called about once a second, so that lines are not late.
  void flush();

 private:
  AccessLog* log_;
  LineFormat format_;
  AccessLog::Batch batch_;
};

}  // namespace weir::app
