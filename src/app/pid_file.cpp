#include "app/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace weir::app {

// Another one may have begun meanwhile, while this one drained, and it is its file then.
PidFile::~PidFile() {
  if (path_.empty()) return;
  std::ifstream file(path_);
  pid_t pid = 0;
  if (file >> pid && pid == ::getpid()) ::unlink(path_.c_str());
}

std::string PidFile::write(const std::string& path) {
  if (path.empty()) return {};
  // Not through a link: it may be root that writes.
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
  const std::string text = fmt::format("{}\n", ::getpid());
  const bool written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!written) return fmt::format("server.pid_file: {}: {}", path, std::strerror(error));
  path_ = path;
  return {};
}

}  // namespace weir::app
