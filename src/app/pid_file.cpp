#include "app/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace weir::app {

// Another one may have begun meanwhile, while this one drained, and it is its file then.
PidFile::~PidFile() {
  if (is_ours()) {
    if (before_.empty()) {
      ::unlink(path_.c_str());
    } else if (::ftruncate(fd_, 0) == 0) {
      [[maybe_unused]] const auto n = ::pwrite(fd_, before_.data(), before_.size(), 0);
    }
  }
  settle();
}

bool PidFile::is_ours() const {
  std::ifstream file(path_);
  pid_t pid = 0;
  return !path_.empty() && file >> pid && pid == ::getpid();
}

void PidFile::settle() {
  before_.clear();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string PidFile::write(const std::string& path) {
  if (path.empty()) return {};
  std::getline(std::ifstream(path).seekg(0), before_, '\0');
  // Not through a link: it may be root that writes.
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
  const std::string text = fmt::format("{}\n", ::getpid());
  const bool written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  fd_ = fd;
  if (!written) return fmt::format("server.pid_file: {}: {}", path, std::strerror(error));
  path_ = path;
  return {};
}

}  // namespace weir::app
