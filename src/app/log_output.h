#pragma once
// LogOutput: where a log's lines go: a path, "stdout", "stderr", or a socket of syslog or of the
// journal, which takes each line as a message. Writing never waits: a pipe, terminal or socket that
// is full takes nothing and says so. A FIFO that nobody reads is tried again once a second at most,
// with the next line; until somebody reads it lines are lost. One thread at a time.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "app/config.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"

namespace weir::app {

class LogSocket;

class LogOutput {
 public:
  // log.access or log.error, as `log` says: "access_log" or "error_log", a literal; not "off".
  // Where nobody listens to a socket yet is no error.
  static Result<LogOutput> open(const LogConf& conf, std::string_view log);
  // Appends to the file, which is made when missing (mode 0640). Fails with the errno of open().
  // A FIFO without a reader is no error.
  // `header`: the first line of what is empty when it is opened; at most PIPE_BUF.
  static Result<LogOutput> open(std::string target, std::string_view header = {});
  // Takes over a descriptor; reopen() leaves it as it is.
  static LogOutput adopt(int fd) { return LogOutput(fd, {}, true); }
  LogOutput(LogOutput&& other) noexcept;
  LogOutput& operator=(LogOutput&&) = delete;
  ~LogOutput();

  // How many of the bytes were taken: fewer than all, also 0, when no more fit now. Fails when the
  // output is broken (EPIPE, ENOSPC, EIO), or nobody listens to the socket or reads the FIFO
  // (ENXIO); a later write may succeed. A socket takes whole lines alone. REQUIRES: SIGPIPE is
  // blocked or ignored.
  Result<std::size_t> write(std::string_view bytes);
  // Waits until more may fit, or for so long.
  void wait_writable(Duration patience);
  // Opens the path again, after the file was renamed. The old file is kept when that fails. Where
  // nobody reads a FIFO yet is no failure.
  Result<void> reopen();
  // Whether reopen() would succeed with this path; the file is made when missing. Any thread.
  static Result<void> probe(const std::string& path);
  const std::string& target() const { return target_; }
  // Whether the other end writes time and level by itself: a socket.
  bool is_socket() const { return socket_ != nullptr; }
  // Of the lines that are written from now on; info to begin with.
  void set_level(LogLevel level) { level_ = level; }

 private:
  LogOutput(int fd, std::string target, bool owned);
  void begin();
  void take(int fd);
  bool find_reader();
  Result<std::size_t> send_lines(std::string_view lines);

  int fd_;  // also -1, of a FIFO without a reader
  std::size_t piece_;
  std::string target_;
  std::string header_;  // with its end of line; empty: none
  bool owned_;
  std::unique_ptr<LogSocket> socket_;  // then there is no descriptor
  LogLevel level_ = LogLevel::kInfo;
  TimePoint next_try_{};  // of a FIFO
  Error away_{};          // why it could not be opened
};

}  // namespace weir::app
