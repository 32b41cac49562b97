#include "app/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/log.h"

namespace weir::app {

// Another one may have begun meanwhile, while this one drained, and it is its file then.
PidFile::~PidFile() {
  if (!path_.empty() && (made_ || is_ours()) && ::unlink(path_.c_str()) != 0 &&
      ::ftruncate(fd_, 0) != 0)
    log_warn("server.pid_file={} stays error=\"{}\"", path_, std::strerror(errno));
  if (fd_ >= 0) ::close(fd_);
}

bool PidFile::is_ours() const {
  std::ifstream file(path_);
  pid_t pid = 0;
  return !path_.empty() && file >> pid && pid == ::getpid();
}

std::string PidFile::open(const std::string& path) {
  if (path.empty()) return {};
  // Not through a link: it may be root that writes.
  const int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  fd_ = ::open(path.c_str(), flags | O_CREAT | O_EXCL, 0644);
  made_ = fd_ >= 0;
  if (fd_ < 0 && errno == EEXIST) fd_ = ::open(path.c_str(), flags);
  if (fd_ < 0) return fmt::format("server.pid_file: {}: {}", path, std::strerror(errno));
  path_ = path;
  return {};
}

std::string PidFile::write() {
  if (fd_ < 0) return {};
  const std::string text = fmt::format("{}\n", ::getpid());
  const bool written = ::ftruncate(fd_, 0) == 0 &&
                       ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  made_ = false;
  return written ? "" : fmt::format("server.pid_file: {}: {}", path_, std::strerror(error));
}

}  // namespace weir::app
