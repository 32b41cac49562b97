#include "support/origin/socket.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace weir::test::origin {

namespace {

constexpr std::size_t kHeadMost = 64 * 1024;
constexpr std::size_t kReadSize = 64 * 1024;

int milliseconds(Micros time) {
  return static_cast<int>(std::min<std::int64_t>((time.count() + 999) / 1000, INT32_MAX));
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

std::optional<std::string> Socket::take_proxy_header() {
  char first = 0;
  unsigned char head[16];
  if (::recv(fd_, &first, 1, MSG_PEEK) != 1 || first != '\r' ||
      ::recv(fd_, head, sizeof head, MSG_WAITALL) != static_cast<ssize_t>(sizeof head)) {
    return std::nullopt;
  }
  std::string rest(head[14] * 256u + head[15], '\0');
  if (!rest.empty() &&
      ::recv(fd_, rest.data(), rest.size(), MSG_WAITALL) != static_cast<ssize_t>(rest.size())) {
    return std::nullopt;
  }
  const bool v6 = head[13] == 0x21;
  if (head[12] != 0x21) {
    return "LOCAL";
  }
  char host[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, rest.data(), host, sizeof host);
  const auto* port = reinterpret_cast<const unsigned char*>(rest.data()) + (v6 ? 32 : 8);
  return host + std::string(":") + std::to_string(port[0] * 256 + port[1]);
}

bool Socket::open(const TlsSide& tls, std::optional<Shaken>& shaken) {
  constexpr char kHandshake = 0x16;  // RFC 8446 §5.1
  char first = 0;
  if (::recv(fd_, &first, 1, MSG_PEEK) != 1) {
    return false;
  }
  if (first != kHandshake) {
    return true;
  }
  ssl_ = tls.accept(fd_, shaken.emplace());
  return ssl_ != nullptr;
}

bool Socket::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kReadSize);
  ssize_t got = 0;
  do {
    got = ssl_ ? SSL_read(ssl_.get(), buffer_.data() + had, static_cast<int>(kReadSize))
               : ::recv(fd_, buffer_.data() + had, kReadSize, 0);
  } while (got < 0 && !ssl_ && errno == EINTR);
  buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

std::optional<std::string> Socket::read_line() {
  std::size_t end = 0;
  while ((end = buffer_.find('\n', at_)) == std::string::npos) {
    if (buffer_.size() - at_ > kHeadMost || !fill()) {
      return std::nullopt;
    }
  }
  if (end == at_ || buffer_[end - 1] != '\r') {
    return std::nullopt;
  }
  std::string line = buffer_.substr(at_, end - 1 - at_);
  at_ = end + 1;
  return line;
}

HeadRead Socket::read_head(std::string& head) {
  head.clear();
  if (at_ == buffer_.size() && !fill()) {
    return HeadRead::kEnd;
  }
  while (head.size() <= kHeadMost) {
    const auto line = read_line();
    if (!line) {
      return buffer_.find('\n', at_) == std::string::npos && buffer_.size() - at_ <= kHeadMost
                 ? HeadRead::kEnd
                 : HeadRead::kBad;
    }
    head += *line + "\r\n";
    if (line->empty()) {
      return HeadRead::kHead;
    }
  }
  return HeadRead::kBad;
}

std::string_view Socket::read_some(std::uint64_t most) {
  if (at_ == buffer_.size() && !fill()) {
    return {};
  }
  const std::size_t count = std::min<std::uint64_t>(most, buffer_.size() - at_);
  at_ += count;
  return {buffer_.data() + at_ - count, count};
}

Sent Socket::wait_for_room() {
  pollfd poll{fd_, POLLOUT, 0};
  const int timeout = patience_.count() > 0 ? milliseconds(patience_) : -1;
  const int ready = ::poll(&poll, 1, timeout);
  return ready == 0 ? Sent::kBlocked : Sent::kAll;
}

// A full socket makes it wait, for ever.
Sent Socket::send_tls(std::string_view bytes) {
  std::size_t sent = 0;
  const bool all =
      bytes.empty() || SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) == 1;
  return all ? Sent::kAll : Sent::kPeerGone;
}

Sent Socket::send(std::string_view bytes, bool more) {
  if (ssl_) {
    return send_tls(bytes);
  }
  const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), flags);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (wait_for_room() == Sent::kBlocked) {
        return Sent::kBlocked;
      }
    } else if (errno != EINTR) {
      return Sent::kPeerGone;
    }
  }
  return Sent::kAll;
}

bool Socket::wait(Micros time) {
  if (time.count() <= 0) {
    return true;
  }
  // Reset and "both sides closed" are always reported; a half-close is none of our business.
  pollfd poll{fd_, 0, 0};
  const timespec limit{time.count() / 1'000'000, time.count() % 1'000'000 * 1000};
  return ::ppoll(&poll, 1, &limit, nullptr) <= 0;
}

void Socket::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd_);
  fd_ = -1;
}

void Socket::close_gently(bool farewell) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(2);
  if (ssl_ && farewell) {
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd_, SHUT_WR);
  char waste[4096];
  while (Clock::now() < end) {
    pollfd poll{fd_, POLLIN, 0};
    if (::poll(&poll, 1, 100) > 0 && ::recv(fd_, waste, sizeof waste, 0) <= 0) {
      break;
    }
  }
  ::close(fd_);
  fd_ = -1;
}

}  // namespace weir::test::origin
