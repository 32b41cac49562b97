#include "net/ask.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace weir::net {
namespace {

TimePoint clock_now() { return std::chrono::steady_clock::now(); }

class Socket {
 public:
  Socket(int family, TimePoint deadline)
      : fd_(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), deadline_(deadline) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;

  Result<void> connect(const Address& to) {
    if (::connect(fd_, to.raw(), to.length) == 0) return {};
    if (errno != EINPROGRESS) return refused(errno);
    if (!wait_for(POLLOUT)) return fail(Errc::kConnectTimeout);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? Result<void>{} : refused(error);
  }

  Result<void> send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n > 0) {
        text.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno != EAGAIN) {
        return fail(Errc::kOriginReset, errno);
      } else if (!wait_for(POLLOUT)) {
        return fail(Errc::kBetweenBytesTimeout);
      }
    }
    return {};
  }

  Result<std::string> receive() {
    std::string all;
    std::array<char, 64 * 1024> piece;
    for (;;) {
      const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
      if (n == 0) return all;
      if (n > 0) {
        all.append(piece.data(), static_cast<std::size_t>(n));
      } else if (errno != EAGAIN) {
        return fail(Errc::kOriginReset, errno);
      } else if (!wait_for(POLLIN)) {
        return fail(Errc::kBetweenBytesTimeout);
      }
    }
  }

 private:
  static std::unexpected<Error> refused(int error) {
    return fail(error == ECONNREFUSED ? Errc::kConnectRefused : Errc::kConnectFailed, error);
  }

  bool wait_for(short what) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_now()).count();
    pollfd one{fd_, what, 0};
    return ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
  }

  const int fd_;
  const TimePoint deadline_;
};

}  // namespace

Result<std::string> ask(const Address& to, std::string_view question, Duration patience) {
  Socket socket(to.family(), after(clock_now(), patience));
  if (const auto done = socket.connect(to); !done) return std::unexpected(done.error());
  if (const auto done = socket.send(question); !done) return std::unexpected(done.error());
  return socket.receive();
}

}  // namespace weir::net
