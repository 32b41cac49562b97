#pragma once
// What the tests of net/ share: running a Loop until something holds, and raw sockets of this
// machine's loopback that play the other side.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "net/conn.h"
#include "net/loop.h"

namespace weir::test {

using net::Address;
using net::Loop;

// Runs rounds, without sleeping between them, until `done` holds. False after ten seconds.
inline bool run_until(Loop& loop, std::function<bool()> done) {
  struct Watch final : Task {
    Watch(Loop& l, std::function<bool()> d) : loop(l), done(std::move(d)) {}
    ~Watch() { loop.cancel(*this); }
    void run() noexcept override {
      met = done();
      if (met || std::chrono::steady_clock::now() > give_up) return loop.stop();
      loop.post(*this);
    }
    Loop& loop;
    std::function<bool()> done;
    TimePoint give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    bool met = false;
  } watch(loop, std::move(done));
  loop.post(watch);
  loop.run();
  return watch.met;
}

inline void run_rounds(Loop& loop, int rounds) {
  run_until(loop, [&rounds] { return --rounds <= 0; });
}

// All that is there; `last` is what ended it.
inline std::string read_all(net::Conn& conn, net::IoResult& last) {
  std::string all;
  std::byte buffer[4096];
  for (;;) {
    last = conn.read(buffer);
    if (last.state != net::IoState::kDone) return all;
    all.append(reinterpret_cast<const char*>(buffer), last.bytes);
  }
}

// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Fd() { close(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void close_with_reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  int fd_;
};

// A plain listening socket, at a free port of 127.0.0.1.
inline Fd listen_somewhere(int backlog = 16) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address any = *net::parse_address("127.0.0.1:0");
  REQUIRE(bind(fd.get(), any.raw(), any.length) == 0);
  REQUIRE(listen(fd.get(), backlog) == 0);
  return fd;
}

// A non-blocking client, connected or on its way.
inline Fd connect_to(const Address& to) {
  Fd fd(socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int rc = connect(fd.get(), to.raw(), to.length);
  REQUIRE((rc == 0 || errno == EINPROGRESS));
  return fd;
}

// Two connected, non-blocking sockets.
struct Pair {
  Pair() {
    const Fd listener = listen_somewhere();
    far = connect_to(net::local_address(listener.get()));
    near = Fd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(near.get() >= 0);
  }
  Fd near;  // for the Conn
  Fd far;   // played by the test
};

inline int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// All that can be read now.
inline std::string receive(int fd) {
  std::string all;
  char buffer[65536];
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(n));
  }
  return all;
}

// `size` bytes that tell their places.
inline std::string pattern(std::size_t size, std::uint32_t seed = 1) {
  std::string s(size, '\0');
  std::uint32_t x = seed;
  for (char& c : s) {
    x = x * 1664525U + 1013904223U;
    c = static_cast<char>(x >> 24);
  }
  return s;
}

}  // namespace weir::test
