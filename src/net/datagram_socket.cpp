#include "net/datagram_socket.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::net {

DatagramSocket::DatagramSocket(DatagramSocket&& other) noexcept
    : to_(other.to_), fd_(std::exchange(other.fd_, -1)) {}

void DatagramSocket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<void> DatagramSocket::connect() {
  if (fd_ >= 0) return {};
  fd_ = ::socket(to_.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail(Errc::kSystem, errno);
  if (::connect(fd_, to_.raw(), to_.length) == 0) return {};
  const int error = errno;
  close();
  return fail(Errc::kSystem, error);
}

Result<void> DatagramSocket::send_message(const msghdr& message) {
  if (const auto done = connect(); !done) return done;
  if (::sendmsg(fd_, &message, MSG_NOSIGNAL) >= 0) return {};
  // Of UDP that is what became of an earlier message, and this one was not tried.
  const bool udp = to_.family() != AF_UNIX;
  if (udp && errno == ECONNREFUSED && ::sendmsg(fd_, &message, MSG_NOSIGNAL) >= 0) return {};
  const int error = errno == ENOBUFS ? EAGAIN : errno;
  if (error != EAGAIN && error != EMSGSIZE) close();
  return fail(Errc::kSystem, error);
}

Result<void> DatagramSocket::send(std::string_view message) {
  iovec bytes{const_cast<char*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  return send_message(header);
}

Result<void> DatagramSocket::send_descriptor(int fd) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr header{};
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  return send_message(header);
}

void DatagramSocket::wait_writable(Duration patience) const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  pollfd one{fd_, POLLOUT, 0};
  ::poll(&one, 1, static_cast<int>(std::clamp<decltype(ms)>(ms, 0, 60'000)));
}

}  // namespace weir::net
