#include "support/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <thread>
#include <utility>

namespace weir::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadSize = 256 * 1024;
constexpr Millis kSendPatience{20'000};
constexpr std::uint64_t kSlicesPerSecond = 50;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int connect_to(std::uint16_t port, const ClientOptions& options) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (options.receive_buffer > 0) {  // before connect: it bounds the window that is offered
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffu) | options.address);
  ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(fd);
    throw std::system_error(error, std::generic_category(), "connect");
  }
  return fd;
}

// True when the socket is ready, in error or ended.
bool wait_for(int fd, short events, Millis timeout) {
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, static_cast<int>(timeout.count())) > 0;
}

}  // namespace

Client::Client(std::uint16_t port, ClientOptions options) : fd_(connect_to(port, options)) {}

Client::~Client() { close(); }

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      at_(other.at_),
      left_(other.left_),
      in_chunk_(other.in_chunk_),
      started_(other.started_),
      paced_since_(other.paced_since_),
      paced_bytes_(other.paced_bytes_) {}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_for(fd_, POLLOUT, kSendPatience)) {
      return false;
    }
  }
  return true;
}

bool Client::send_in_pieces(std::string_view bytes, std::size_t piece, Millis gap) {
  while (!bytes.empty()) {
    if (!send(bytes.substr(0, piece))) {
      return false;
    }
    bytes.remove_prefix(std::min(piece, bytes.size()));
    std::this_thread::sleep_for(gap);
  }
  return true;
}

Client::Got Client::fill(Millis timeout, std::size_t most) {
  buffer_.erase(0, at_);
  at_ = 0;
  if (!wait_for(fd_, POLLIN, timeout)) {
    return Got::kTimeout;
  }
  const std::size_t had = buffer_.size();
  buffer_.resize(had + most);
  const ssize_t got = ::recv(fd_, buffer_.data() + had, most, 0);
  buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0 ? Got::kBytes : got == 0 ? Got::kEof : Got::kReset;
}

bool Client::fill_or_end(Response& response, const Reading& reading) {
  std::size_t most = kReadSize;
  if (reading.rate > 0) {
    most =
        std::min<std::uint64_t>(most, std::max<std::uint64_t>(reading.rate / kSlicesPerSecond, 1));
  }
  switch (fill(reading.timeout, most)) {
    case Got::kBytes:
      return true;
    case Got::kEof:
      response.end = End::kShortEof;
      return false;
    case Got::kReset:
      response.end = End::kReset;
      return false;
    case Got::kTimeout:
      response.end = End::kTimeout;
      return false;
  }
  return false;
}

Response Client::receive(const Reading& reading) {
  Response response = receive_head(reading);
  if (response.complete()) {
    receive_body(response, reading);
  }
  return response;
}

Response Client::exchange(const Request& request, Reading reading) {
  reading.to_head = request.method == "HEAD";
  send(request);
  return receive(reading);
}

End Client::receive_end(Millis timeout, std::string* bytes) {
  for (;;) {
    const Got got = fill(timeout, kReadSize);
    if (bytes != nullptr) {
      bytes->append(unread());
    }
    at_ = buffer_.size();
    if (got != Got::kBytes) {
      return got == Got::kEof ? End::kComplete : got == Got::kReset ? End::kReset : End::kTimeout;
    }
  }
}

bool Client::silent_for(Millis time) { return unread().empty() && !wait_for(fd_, POLLIN, time); }

void Client::half_close() { ::shutdown(fd_, SHUT_WR); }

void Client::abort() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void Client::close() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

// Reading slower than bytes come is a matter of sleeping between small reads.
void Client::pace(const Reading& reading) {
  if (reading.rate == 0) {
    return;
  }
  const std::chrono::duration<double> due(static_cast<double>(paced_bytes_) /
                                          static_cast<double>(reading.rate));
  std::this_thread::sleep_until(paced_since_ + std::chrono::duration_cast<Clock::duration>(due));
}

Response Client::receive_head(const Reading& reading) {
  started_ = Clock::now();
  Response response;
  std::vector<int> interim;
  do {
    response = Response{};
    if (!read_head(response, reading)) {
      break;
    }
    if (response.status < 200 && response.status != 101) {
      interim.push_back(response.status);
    }
  } while (!interim.empty() && interim.back() == response.status);
  response.interim = std::move(interim);
  response.head_seconds = response.seconds = seconds_since(started_);
  return response;
}

Response Client::receive_interim(Millis timeout) {
  Response response;
  Reading reading;
  reading.timeout = timeout;
  read_head(response, reading);
  return response;
}

void Client::receive_body(Response& response, const Reading& reading) {
  paced_since_ = Clock::now();
  paced_bytes_ = 0;
  response.end = End::kStopped;
  bool more = response.framing != Framing::kNone;
  if (!more) {
    response.end = End::kComplete;
  }
  while (more && response.body_bytes < reading.stop_at) {
    more = start_body(response, reading);
    if (more) {
      take_body(response, reading);
      pace(reading);
      more = end_chunk(response, reading);
    }
  }
  // Framing by length can be over exactly where reading was to stop.
  if (response.end == End::kStopped && response.framing == Framing::kLength && left_ == 0) {
    response.end = End::kComplete;
  }
  response.seconds = seconds_since(started_);
}

Response fetch(std::uint16_t port, const Request& request, Reading reading) {
  return Client(port).exchange(request, std::move(reading));
}

Response get(std::uint16_t port, std::string target, Reading reading, std::vector<Field> fields) {
  return fetch(port, {.target = std::move(target), .fields = std::move(fields)},
               std::move(reading));
}

}  // namespace weir::test
