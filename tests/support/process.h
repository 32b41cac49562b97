#pragma once
// A child process whose output is read as it comes. Started with a parent-death signal, so that no
// child outlives a test program that was killed. Throws std::system_error when it cannot be
// started.

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weir::test {

using Millis = std::chrono::milliseconds;

// How a process ended.
struct Exit {
  int code = -1;   // or -1 when
  int signal = 0;  // this ended it

  friend bool operator==(const Exit&, const Exit&) = default;
};

class Process {
 public:
  // `stderr_file`: where its stderr is copied as it comes; empty: nowhere.
  explicit Process(std::vector<std::string> arguments, std::filesystem::path stderr_file = {});
  ~Process();  // SIGKILL, unless it has ended
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // What follows `text` on the first line, of stdout or stderr, that has it; nothing when the
  // process closes both first or the time is over. Looks at all output since the start.
  std::optional<std::string> wait_for_line(std::string_view text, Millis timeout = Millis(20'000));

  // Until the process, and whoever inherited its stdout and stderr, has closed both.
  bool wait_for_end_of_output(Millis timeout);

  std::string out() const;
  std::string err() const;

  pid_t pid() const { return pid_; }
  void signal(int number);
  // Nothing when it still runs after `timeout`.
  std::optional<Exit> wait(Millis timeout);
  bool ended() const { return exit_.has_value(); }

 private:
  void read_output(int out, int err);

  pid_t pid_ = -1;
  std::optional<Exit> exit_;
  std::filesystem::path stderr_file_;
  mutable std::mutex mutex_;
  std::condition_variable grew_;
  std::string out_;      // guarded by mutex_
  std::string err_;      // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
  std::thread reader_;
};

// Runs a program to its end (killed after `timeout`) and returns what it said.
struct Finished {
  Exit exit;
  std::string out;
  std::string err;
};
Finished run(std::vector<std::string> arguments, Millis timeout = Millis(20'000));

}  // namespace weir::test
