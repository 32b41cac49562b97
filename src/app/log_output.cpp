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

constexpr Duration kTryEvery = std::chrono::seconds(1);

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

// A blocking pipe that poll calls writable has room for this many bytes (PIPE_BUF, pipe(7)), so a
// write of no more does not block. The descriptor may be shared with other processes, so it must
// not be made non-blocking; one that was opened here is not shared.
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

// As root not through a link that another user has put there, perhaps to a file of root's. Does not
// wait for whoever is to read a FIFO: ENXIO.
int open_path(const std::string& path) {
  int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  struct stat s {};
  const bool link = ::lstat(path.c_str(), &s) == 0 && S_ISLNK(s.st_mode);
  if (::geteuid() == 0 && !(link && s.st_uid == 0)) flags |= O_NOFOLLOW;
  return ::open(path.c_str(), flags, 0640);
}

// A socket or a device that is missing has the same errno.
bool lacks_reader(const std::string& path, int error) {
  struct stat s {};
  return error == ENXIO && ::stat(path.c_str(), &s) == 0 && S_ISFIFO(s.st_mode);
}

bool is_open_as(int fd, const std::string& path) {
  struct stat a {};
  struct stat b {};
  return ::fstat(fd, &a) == 0 && ::stat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
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
  const int error = errno;
  if (fd < 0 && !lacks_reader(target, error)) return fail(Errc::kSystem, error);
  if (fd < 0) log_warn("log={} nobody reads it: until somebody does, lines are lost", target);
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
      level_(other.level_),
      next_try_(other.next_try_),
      away_(other.away_) {}

LogOutput::~LogOutput() {
  if (owned_ && fd_ >= 0) ::close(fd_);
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
  if (fd_ < 0 && !find_reader()) return std::unexpected(away_);
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
      const int error = errno;
      if (error != EPIPE || !find_reader()) return fail(Errc::kSystem, error);
    }
  }
  return taken;
}

void LogOutput::take(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  piece_ = piece_of(fd_, owned_);
  begin();
}

// Whether there is one now where there was none: of this FIFO, or of a new one of its name. One
// that is open stays so meanwhile: a reader that comes back gets what it has left in it.
bool LogOutput::find_reader() {
  const TimePoint now = clock_now();
  if (!owned_ || target_.empty() || now < next_try_) return false;
  next_try_ = after(now, kTryEvery);
  const int fd = open_path(target_);
  if (fd < 0) {
    away_ = {Errc::kSystem, errno};
    return false;
  }
  take(fd);
  next_try_ = {};
  return true;
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
  const int error = errno;
  if (fd < 0 && !lacks_reader(target_, error)) return fail(Errc::kSystem, error);
  next_try_ = {};
  if (fd >= 0) {
    take(fd);
  } else if (fd_ >= 0 && !is_open_as(fd_, target_)) {
    ::close(std::exchange(fd_, -1));
  }
  return {};
}

Result<void> LogOutput::probe(const std::string& path) {
  const int fd = open_path(path);
  const int error = errno;
  if (fd < 0 && !lacks_reader(path, error)) return fail(Errc::kSystem, error);
  if (fd >= 0) ::close(fd);
  return {};
}

// A header that is lost with a broken output is one the next write fails with as well.
void LogOutput::begin() {
  struct stat s {};
  if (!header_.empty() && ::fstat(fd_, &s) == 0 && s.st_size == 0)
    static_cast<void>(write(header_));
}

}  // namespace weir::app
