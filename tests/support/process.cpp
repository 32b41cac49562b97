#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <system_error>
#include <utility>

namespace weir::test {

namespace {

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  return {ends[0], ends[1]};
}

// Between fork and exec, in a program with threads: nothing but system calls.
[[noreturn]] void become(const std::vector<char*>& arguments, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execv(arguments.front(), arguments.data());
  ::_exit(127);
}

// The text behind `text` on its line, once that line is whole.
std::optional<std::string> find_line(const std::string& output, std::string_view text) {
  const std::size_t found = output.find(text);
  const std::size_t end = found == std::string::npos ? found : output.find('\n', found);
  if (end == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t begin = found + text.size();
  return output.substr(begin, end - begin);
}

}  // namespace

Process::Process(std::vector<std::string> arguments, std::filesystem::path stderr_file)
    : stderr_file_(std::move(stderr_file)) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  pid_ = ::fork();
  if (pid_ == 0) {
    become(pointers, out.write, err.write);
  }
  ::close(out.write);
  ::close(err.write);
  if (pid_ < 0) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  reader_ = std::thread([this, out, err] { read_output(out.read, err.read); });
}

Process::~Process() {
  if (!exit_) {
    signal(SIGKILL);
    wait(Millis(-1));
  }
  reader_.join();
}

void Process::read_output(int out, int err) {
  std::ofstream copy;
  if (!stderr_file_.empty()) {
    copy.open(stderr_file_);
  }
  std::array<pollfd, 2> polls{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
  std::array<char, 16384> buffer{};
  while (polls[0].fd >= 0 || polls[1].fd >= 0) {
    ::poll(polls.data(), polls.size(), -1);
    for (pollfd& poll : polls) {
      if (poll.fd < 0 || poll.revents == 0) {
        continue;
      }
      const ssize_t got = ::read(poll.fd, buffer.data(), buffer.size());
      if (got <= 0) {
        ::close(std::exchange(poll.fd, -1));
        continue;
      }
      const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
      if (poll.fd == err && copy.is_open()) {
        copy << bytes << std::flush;
      }
      const std::lock_guard lock(mutex_);
      (poll.fd == out ? out_ : err_).append(bytes);
      grew_.notify_all();
    }
  }
  const std::lock_guard lock(mutex_);
  closed_ = true;
  grew_.notify_all();
}

std::optional<std::string> Process::wait_for_line(std::string_view text, Millis timeout) {
  std::optional<std::string> line;
  std::unique_lock lock(mutex_);
  grew_.wait_for(lock, timeout, [&] {
    line = find_line(out_, text);
    if (!line) {
      line = find_line(err_, text);
    }
    return line.has_value() || closed_;
  });
  return line;
}

bool Process::wait_for_end_of_output(Millis timeout) {
  std::unique_lock lock(mutex_);
  return grew_.wait_for(lock, timeout, [&] { return closed_; });
}

std::string Process::out() const {
  const std::lock_guard lock(mutex_);
  return out_;
}

std::string Process::err() const {
  const std::lock_guard lock(mutex_);
  return err_;
}

void Process::signal(int number) {
  if (!exit_) {
    ::kill(pid_, number);
  }
}

std::optional<Exit> Process::wait(Millis timeout) {
  if (exit_) {
    return exit_;
  }
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  pollfd poll{handle, POLLIN, 0};
  const bool over = ::poll(&poll, 1, static_cast<int>(timeout.count())) > 0;
  ::close(handle);
  int status = 0;
  if (over && ::waitpid(pid_, &status, 0) == pid_) {
    exit_ = WIFEXITED(status) ? Exit{WEXITSTATUS(status), 0} : Exit{-1, WTERMSIG(status)};
  }
  return exit_;
}

Finished run(std::vector<std::string> arguments, Millis timeout) {
  Process process(std::move(arguments));
  process.wait_for_end_of_output(timeout);
  const auto exit = process.wait(Millis(1000));
  return {exit.value_or(Exit{-1, SIGKILL}), process.out(), process.err()};
}

}  // namespace weir::test
