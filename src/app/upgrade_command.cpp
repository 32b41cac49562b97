#include "app/upgrade_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ostream>

#include "app/upgrade.h"

namespace weir::app {
namespace {

// In the child. The program is the one that runs this, by its own file.
[[noreturn]] void become_weir(const std::string& conf, int ready) {
  ::setsid();  // it outlives the terminal
  const std::string fd = std::to_string(ready);
  const char* const arguments[] = {"weir",       "run",        "--take-over", "-c",
                                   conf.c_str(), "--ready-fd", fd.c_str(),    nullptr};
  ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
  ::_exit(127);
}

}  // namespace

int upgrade_command(const std::string& conf, std::ostream& out, std::ostream& err) {
  int ready[2];
  if (::pipe(ready) != 0) {
    err << fmt::format("weir upgrade: pipe: {}\n", std::strerror(errno));
    return 1;
  }
  out.flush();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ready[0]);
    become_weir(conf, ready[1]);
  }
  ::close(ready[1]);
  char byte = 0;
  ssize_t n = 0;
  do n = ::read(ready[0], &byte, 1);
  while (n < 0 && errno == EINTR);
  ::close(ready[0]);
  if (child > 0 && n == 1 && byte == Upgrade::kServes) {
    out << fmt::format("pid {} serves\n", child);
    return 0;
  }
  if (child > 0) ::waitpid(child, nullptr, 0);
  if (n == 1 && byte == Upgrade::kNobodyRuns) return 1;  // it said so
  err << "weir upgrade: the new Weir did not come to serve; a running one serves on\n";
  return 1;
}

}  // namespace weir::app
