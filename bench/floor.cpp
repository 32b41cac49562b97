// bench-floor: what the kernel alone costs. An epoll server that understands nothing of HTTP but
// where a request ends and the number in "GET /NNN": it answers a fixed head and so many bytes from
// memory. Whatever a real server needs beyond this is its own doing. Raw system calls, edge
// triggered.
//
//   --mode writev    bodies by writev from memory, up to 1 MiB a call
//   --mode sendfile  bodies of 64 KiB and more by sendfile from a memfd, the head under MSG_MORE
// Both send the same memory, a memfd of 128 MiB that is also mapped; larger bodies repeat it.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kMemorySize = 128 << 20;
constexpr std::size_t kCallMost = 1 << 20;
constexpr std::size_t kSendfileLeast = 64 << 10;
constexpr std::size_t kRequestMost = 4096;

struct Memory {
  int fd = -1;
  char* bytes = nullptr;
};

struct Options {
  const char* listen = "127.0.0.1";
  std::uint16_t port = 9100;
  int workers = 1;
  bool sendfile = false;
};

struct Connection {
  int fd;
  std::size_t got = 0;      // bytes of requests in `request`
  std::size_t head_at = 0;  // sent of `head`
  std::size_t head_size = 0;
  std::size_t body_at = 0;  // sent of the body
  std::size_t body_size = 0;
  std::array<char, 160> head;
  std::array<char, kRequestMost> request;

  bool sending() const { return head_at < head_size || body_at < body_size; }
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench-floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

Memory make_memory() {
  Memory memory;
  memory.fd = ::memfd_create("floor", MFD_CLOEXEC);
  if (memory.fd < 0 || ::ftruncate(memory.fd, kMemorySize) != 0) {
    fail("memfd");
  }
  void* mapped = ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
  if (mapped == MAP_FAILED) {
    fail("mmap");
  }
  memory.bytes = static_cast<char*>(mapped);
  for (std::size_t at = 0; at < kMemorySize; ++at) {
    memory.bytes[at] = static_cast<char>('a' + at % 23);
  }
  return memory;
}

int listen_at(const Options& options) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (::inet_pton(AF_INET, options.listen, &address.sin_addr) != 1 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 4096) != 0) {
    fail("listen");
  }
  return fd;
}

// Takes the next whole request, if there is one, and readies its answer.
bool take_request(Connection& connection) {
  const std::string_view have(connection.request.data(), connection.got);
  const std::size_t end = have.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return false;
  }
  connection.body_size = std::strtoull(connection.request.data() + 5, nullptr, 10);
  const int size = std::snprintf(connection.head.data(), connection.head.size(),
                                 "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                                 "Content-Length: %zu\r\nServer: floor\r\n\r\n",
                                 connection.body_size);
  connection.head_size = static_cast<std::size_t>(size);
  connection.head_at = connection.body_at = 0;
  connection.got -= end + 4;
  std::memmove(connection.request.data(), connection.request.data() + end + 4, connection.got);
  return true;
}

// One writev of what is left of the head and up to 1 MiB of the body.
ssize_t write_some(Connection& connection, const Memory& memory) {
  const std::size_t at = connection.body_at % kMemorySize;
  const std::size_t body =
      std::min({connection.body_size - connection.body_at, kCallMost, kMemorySize - at});
  const std::size_t head = connection.head_size - connection.head_at;
  const std::array<iovec, 2> parts{
      {{connection.head.data() + connection.head_at, head}, {memory.bytes + at, body}}};
  const ssize_t sent = ::writev(connection.fd, parts.data(), 2);
  if (sent > 0) {
    const std::size_t of_head = std::min(head, static_cast<std::size_t>(sent));
    connection.head_at += of_head;
    connection.body_at += static_cast<std::size_t>(sent) - of_head;
  }
  return sent;
}

ssize_t sendfile_some(Connection& connection, const Memory& memory) {
  if (connection.head_at < connection.head_size) {
    const ssize_t sent = ::send(connection.fd, connection.head.data() + connection.head_at,
                                connection.head_size - connection.head_at, MSG_MORE);
    connection.head_at += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    return sent;
  }
  off_t at = static_cast<off_t>(connection.body_at % kMemorySize);
  const std::size_t body = std::min({connection.body_size - connection.body_at, kCallMost,
                                     kMemorySize - static_cast<std::size_t>(at)});
  const ssize_t sent = ::sendfile(connection.fd, memory.fd, &at, body);
  connection.body_at += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  return sent;
}

// As far as it goes without waiting. False: the connection has ended. A read that gives less than
// was asked for has emptied the socket, and the next byte is a new edge: epoll(7), so no second
// read.
bool serve(Connection& connection, const Memory& memory, bool sendfile) {
  bool emptied = false;
  for (;;) {
    while (connection.sending()) {
      const bool from_file = sendfile && connection.body_size >= kSendfileLeast;
      const ssize_t sent =
          from_file ? sendfile_some(connection, memory) : write_some(connection, memory);
      if (sent < 0) {
        return errno == EAGAIN;
      }
    }
    if (take_request(connection)) {
      continue;
    }
    if (emptied) {
      return true;
    }
    const std::size_t room = kRequestMost - connection.got;
    const ssize_t got = ::recv(connection.fd, connection.request.data() + connection.got, room, 0);
    if (got <= 0) {
      return got < 0 && errno == EAGAIN;
    }
    connection.got += static_cast<std::size_t>(got);
    emptied = static_cast<std::size_t>(got) < room;
  }
}

void accept_all(int listener, int epoll) {
  int fd = 0;
  while ((fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = new Connection{.fd = fd, .head = {}, .request = {}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

void work(const Options& options, const Memory& memory) {
  const int listener = listen_at(options);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the listener
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& now = events[static_cast<std::size_t>(i)];
      auto* connection = static_cast<Connection*>(now.data.ptr);
      if (connection == nullptr) {
        accept_all(listener, epoll);
      } else if ((now.events & EPOLLRDHUP) != 0 || !serve(*connection, memory, options.sendfile)) {
        ::close(connection->fd);
        delete connection;
      }
    }
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view key = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (key == "--listen") {
      options.listen = value;
    } else if (key == "--port") {
      options.port = static_cast<std::uint16_t>(std::atoi(value));
    } else if (key == "--workers") {
      options.workers = std::atoi(value);
    } else if (key == "--mode" &&
               (value == std::string_view("sendfile") || value == std::string_view("writev"))) {
      options.sendfile = value == std::string_view("sendfile");
    } else {
      std::fprintf(stderr,
                   "usage: bench-floor [--listen ADDRESS] [--port N] [--workers N]"
                   " [--mode writev|sendfile]\n");
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  const Memory memory = make_memory();
  std::vector<std::thread> others;
  for (int i = 1; i < options.workers; ++i) {
    others.emplace_back(work, options, memory);
  }
  std::printf("bench-floor: listening on %s:%d\n", options.listen, options.port);
  std::fflush(stdout);
  work(options, memory);
}
