#include "app/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace weir::app {
namespace {

// A blocking pipe that poll calls writable has room for this many bytes (PIPE_BUF, pipe(7)), so a
// write of no more does not block. The descriptor may be shared with other processes, so it must
// not be made non-blocking.
constexpr std::size_t kPiece = 4096;
// A regular file takes any number.
constexpr std::size_t kFilePiece = 1 << 20;

std::size_t piece_of(int fd) {
  struct stat s {};
  return ::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? kFilePiece : kPiece;
}

bool may_write(int fd, int milliseconds) {
  pollfd p{fd, POLLOUT, 0};
  return ::poll(&p, 1, milliseconds) > 0;  // also POLLERR: the write tells which error
}

int open_path(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

}  // namespace

LogOutput::LogOutput(int fd, std::string target, bool owned)
    : fd_(fd), piece_(piece_of(fd)), target_(std::move(target)), owned_(owned) {}

Result<LogOutput> LogOutput::open(std::string target, std::string_view header) {
  int fd = target == "stdout" ? STDOUT_FILENO : target == "stderr" ? STDERR_FILENO : -1;
  const bool owned = fd < 0;
  if (owned) fd = open_path(target);
  if (fd < 0) return fail(Errc::kSystem, errno);
  LogOutput output(fd, std::move(target), owned);
  if (!header.empty()) output.header_.append(header) += '\n';
  output.begin();
  return output;
}

LogOutput::LogOutput(LogOutput&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      piece_(other.piece_),
      target_(std::move(other.target_)),
      header_(std::move(other.header_)),
      owned_(std::exchange(other.owned_, false)) {}

LogOutput::~LogOutput() {
  if (owned_) ::close(fd_);
}

Result<std::size_t> LogOutput::write(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    if (!may_write(fd_, 0)) return taken;
    const std::size_t piece = std::min(piece_, bytes.size() - taken);
    const ssize_t n = ::write(fd_, bytes.data() + taken, piece);
    if (n >= 0) {
      taken += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      return taken;
    } else if (errno != EINTR) {
      if (taken > 0) return taken;  // the next call meets the error again
      return fail(Errc::kSystem, errno);
    }
  }
  return taken;
}

void LogOutput::wait_writable(Duration patience) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  may_write(fd_, static_cast<int>(std::clamp<decltype(ms)>(ms, 0, 60'000)));
}

Result<void> LogOutput::reopen() {
  if (!owned_ || target_.empty()) return {};
  const int fd = open_path(target_);
  if (fd < 0) return fail(Errc::kSystem, errno);
  ::close(std::exchange(fd_, fd));
  piece_ = piece_of(fd_);
  begin();
  return {};
}

// A header that is lost with a broken output is one the next write fails with as well.
void LogOutput::begin() {
  struct stat s {};
  if (!header_.empty() && ::fstat(fd_, &s) == 0 && s.st_size == 0)
    static_cast<void>(write(header_));
}

}  // namespace weir::app
