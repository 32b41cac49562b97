#pragma once
// The error log behind base/log.h: lines go through a bounded queue to one thread that writes
//   2026-11-21T20:31:02.123Z info key=value ...
// A worker never waits: when the output is too slow or stands still, the oldest lines are dropped
// and counted, and the log says so when it moves again.

#include <cstdint>
#include <memory>

#include "app/config.h"
#include "base/result.h"

namespace weir::app {

class ErrorLog {
 public:
  // Installs itself as the sink of base/log.h. At most one at a time. Fails with the errno of
  // open(). Starts no thread.
  static Result<std::unique_ptr<ErrorLog>> open(const LogConf& conf);
  // Starts the writing thread; before other threads log. Until then lines are written by who logs
  // them, as far as the output takes them at once.
  void start();
  // Uninstalls itself and writes what is queued, for two seconds at most. REQUIRES: the other
  // threads that log are gone.
  ~ErrorLog();
  ErrorLog(const ErrorLog&) = delete;

  // Any thread: opens the path again after the file was renamed, soon and also when no line
  // follows. Where that fails the old file goes on and gets a line that says so.
  void reopen();
  // Any thread. Lines since the start.
  std::uint64_t written() const;
  std::uint64_t dropped() const;

 private:
  struct Impl;
  explicit ErrorLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::app
