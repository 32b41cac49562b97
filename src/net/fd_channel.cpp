#include "net/fd_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace weir::net {
namespace {

constexpr std::size_t kControl = CMSG_SPACE(FdChannel::kFdsMost * sizeof(int));

// Of a message that was received, before anything else can go wrong with it.
std::vector<int> take_fds(msghdr& header) {
  std::vector<int> out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const std::size_t before = out.size();
    out.resize(before + count);
    std::memcpy(out.data() + before, CMSG_DATA(c), count * sizeof(int));
  }
  return out;
}

}  // namespace

Result<FdChannel> FdChannel::connect(const Address& address) {
  FdChannel out(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (out.fd_ < 0) return fail(Errc::kSystem, errno);
  // A Unix socket connects at once, or its backlog is full (EAGAIN).
  if (::connect(out.fd_, address.raw(), address.length) != 0) return fail(Errc::kSystem, errno);
  return out;
}

Result<FdChannel> FdChannel::accept(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return fail(Errc::kSystem, errno);
  return FdChannel(fd);
}

FdChannel::~FdChannel() { close(); }

void FdChannel::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<void> FdChannel::wait(short what, Duration patience) const {
  pollfd ready{.fd = fd_, .events = what, .revents = 0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  const int n = poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(ms, 0, 86'400'000)));
  if (n < 0 && errno != EINTR) return fail(Errc::kSystem, errno);
  if (n == 0) return fail(Errc::kSystem, ETIMEDOUT);
  return {};
}

Result<void> FdChannel::send(std::string_view text, std::span<const int> fds, Duration patience) {
  WEIR_CHECK(!text.empty() && text.size() <= kTextMost && fds.size() <= kFdsMost);
  iovec bytes{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  alignas(cmsghdr) char control[kControl] = {};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* const c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
  }
  while (true) {
    if (sendmsg(fd_, &header, MSG_NOSIGNAL) >= 0) return {};
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(Errc::kSystem, errno);
    if (auto waited = wait(POLLOUT, patience); !waited) return waited;
  }
}

Result<FdChannel::Message> FdChannel::receive(Duration patience) {
  Message out;
  out.text.resize(kTextMost + 1);
  alignas(cmsghdr) char control[kControl];
  while (true) {
    iovec bytes{.iov_base = out.text.data(), .iov_len = out.text.size()};
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(fd_, &header, MSG_CMSG_CLOEXEC);
    if (n >= 0) {
      out.fds = take_fds(header);
      out.text.resize(static_cast<std::size_t>(n));
      const bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
      if (whole && out.text.size() <= kTextMost) return out;
      for (const int fd : out.fds) ::close(fd);
      return fail(Errc::kSystem, EMSGSIZE);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(Errc::kSystem, errno);
    if (auto waited = wait(POLLIN, patience); !waited) return std::unexpected(waited.error());
  }
}

Result<uid_t> FdChannel::peer_user() const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return fail(Errc::kSystem, errno);
  return peer.uid;
}

}  // namespace weir::net
