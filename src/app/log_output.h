#pragma once
// LogOutput: where a log's bytes go, a path, "stdout" or "stderr". Writing never waits: a pipe or
// terminal that is full takes nothing and says so. One thread at a time.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weir::app {

class LogOutput {
 public:
  // Appends to the file, which is made when missing (mode 0640). Fails with the errno of open().
  // `header`: the first line of what is empty when it is opened; at most PIPE_BUF.
  static Result<LogOutput> open(std::string target, std::string_view header = {});
  // Takes over a descriptor; reopen() leaves it as it is.
  static LogOutput adopt(int fd) { return LogOutput(fd, {}, true); }
  LogOutput(LogOutput&& other) noexcept;
  LogOutput& operator=(LogOutput&&) = delete;
  ~LogOutput();

  // How many of the bytes were taken: fewer than all, also 0, when no more fit now. Fails when the
  // output is broken (EPIPE, ENOSPC, EIO); a later write may succeed. REQUIRES: SIGPIPE is blocked
  // or ignored.
  Result<std::size_t> write(std::string_view bytes);
  // Waits until more may fit, or for so long.
  void wait_writable(Duration patience);
  // Opens the path again, after the file was renamed. The old file is kept when that fails.
  Result<void> reopen();
  const std::string& target() const { return target_; }

 private:
  LogOutput(int fd, std::string target, bool owned);
  void begin();

  int fd_;
  std::size_t piece_;
  std::string target_;
  std::string header_;  // with its end of line; empty: none
  bool owned_;
};

}  // namespace weir::app
