#include "app/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "app/log_socket.h"

namespace weir::app {
namespace {

// A blocking pipe that poll calls writable has room for this many bytes (PIPE_BUF, pipe(7)), so a
// write of no more does not block. The descriptor may be shared with other processes, so it must
// not be made non-blocking.
constexpr std::size_t kPiece = 4096;
// A regular file takes any number.
constexpr std::size_t kFilePiece = 1 << 20;

// stdout and stderr may become a pipe: those of the Weir before this one.
std::size_t piece_of(int fd, bool owned) {
  struct stat s {};
  return owned && ::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? kFilePiece : kPiece;
}

bool may_write(int fd, int milliseconds) {
  pollfd p{fd, POLLOUT, 0};
  return ::poll(&p, 1, milliseconds) > 0;  // also POLLERR: the write tells which error
}

// As root not through a link that another user has put there, perhaps to a file of root's.
int open_path(const std::string& path) {
  int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
  struct stat s {};
  const bool link = ::lstat(path.c_str(), &s) == 0 && S_ISLNK(s.st_mode);
  if (::geteuid() == 0 && !(link && s.st_uid == 0)) flags |= O_NOFOLLOW;
  return ::open(path.c_str(), flags, 0640);
}

// RFC 5424 §6.2.4: printable ASCII.
std::string own_host() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  const std::string_view text(name);
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; }) ? name : "";
}

}  // namespace

LogOutput::LogOutput(int fd, std::string target, bool owned)
    : fd_(fd), piece_(piece_of(fd, owned)), target_(std::move(target)), owned_(owned) {}

Result<LogOutput> LogOutput::open(const LogConf& conf, std::string_view log) {
  const std::string& text = log == "error_log" ? conf.error : conf.access;
  const auto target = parse_log_target(text);
  if (!target) return fail(Errc::kSystem, EINVAL);
  if (!target->is_socket()) return open(text);
  LogOutput output(-1, text, false);
  output.socket_ = std::make_unique<LogSocket>(
      *target, conf.syslog_format,
      LogIdentity{log, conf.syslog_facility, conf.syslog_tag, own_host(), ::getpid()});
  return output;
}

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
      owned_(std::exchange(other.owned_, false)),
      socket_(std::move(other.socket_)),
      level_(other.level_) {}

LogOutput::~LogOutput() {
  if (owned_) ::close(fd_);
}

Result<std::size_t> LogOutput::send_lines(std::string_view lines) {
  std::size_t taken = 0;
  while (taken < lines.size()) {
    const std::string_view line = lines.substr(taken, lines.find('\n', taken) - taken);
    const Result<bool> sent = line.empty() ? true : socket_->send(level_, line);
    if (!sent && taken == 0) return std::unexpected(sent.error());
    if (!sent || !*sent) return taken;  // the next call meets the error again
    taken = std::min(taken + line.size() + 1, lines.size());
  }
  return taken;
}

Result<std::size_t> LogOutput::write(std::string_view bytes) {
  if (socket_) return send_lines(bytes);
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
  if (socket_) return socket_->wait_writable(patience);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  may_write(fd_, static_cast<int>(std::clamp<decltype(ms)>(ms, 0, 60'000)));
}

Result<void> LogOutput::reopen() {
  if (socket_) socket_->reopen();
  if (!owned_ || target_.empty()) return {};
  const int fd = open_path(target_);
  if (fd < 0) return fail(Errc::kSystem, errno);
  ::close(std::exchange(fd_, fd));
  piece_ = piece_of(fd_, owned_);
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
