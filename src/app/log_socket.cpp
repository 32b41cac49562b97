#include "app/log_socket.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTryEvery = 1s;

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

LogTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

LogSocket::LogSocket(const LogTarget& target, SyslogFormat format, LogIdentity identity)
    : journal_(target.kind == LogTarget::Kind::kJournal),
      local_(format == SyslogFormat::kLocal ||
             (format == SyslogFormat::kAuto && target.socket.family() == AF_UNIX)),
      identity_(std::move(identity)),
      socket_(target.socket) {}

std::string LogSocket::message(LogLevel level, std::string_view line) const {
  if (!journal_) {
    return local_ ? syslog_local(identity_, level, wall_now(), line)
                  : syslog_rfc5424(identity_, level, wall_now(), line);
  }
  const bool access = identity_.log == "access_log";
  return journal_message(identity_, level, line,
                         access ? parse_log_line(line).value_or(LogLine{}) : LogLine{});
}

Result<bool> LogSocket::send(LogLevel level, std::string_view line) {
  if (next_try_ != TimePoint{} && clock_now() < next_try_) return std::unexpected(away_);
  const std::string text = message(level, line);
  Result<void> sent = socket_.send(text);
  if (!sent && sent.error().sys == EMSGSIZE && journal_) sent = send_large(text);
  next_try_ = {};
  if (sent) return true;
  if (sent.error().sys == EAGAIN) return false;
  if (sent.error().sys != EMSGSIZE) {
    away_ = sent.error();
    next_try_ = after(clock_now(), kTryEvery);
  }
  return std::unexpected(sent.error());
}

// What no datagram can hold comes as a sealed file without a name.
Result<void> LogSocket::send_large(std::string_view text) {
  const int fd = ::memfd_create("weir-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(Errc::kSystem, EMSGSIZE);
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  Result<void> sent = fail(Errc::kSystem, EMSGSIZE);
  if (write_all(fd, text) && ::fcntl(fd, F_ADD_SEALS, kSeals) == 0)
    sent = socket_.send_descriptor(fd);
  ::close(fd);
  return sent;
}

void LogSocket::reopen() {
  socket_.close();
  next_try_ = {};
}

}  // namespace weir::app
