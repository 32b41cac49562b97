#include "app/sockets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "net/listener.h"

namespace weir::app {
Sockets::~Sockets() {
  for (const int fd : handed_) ::close(fd);
  for (const auto& fds : of_worker_) {
    for (const int fd : fds) ::close(fd);
  }
}

std::string Sockets::open(const Config& config, const net::ClientSocketOptions& options,
                          std::uint32_t workers) {
  of_worker_.resize(workers);
  for (const Listen& listen : config.listens) {
    auto address = net::parse_address(listen.address);
    if (!address) return fmt::format("cannot listen on {}: not an address", listen.address);
    const int fd = take_handed(*address);
    if (fd >= 0) net::set_client_options(fd, options);
    std::string why =
        fd >= 0 ? share(fd, listen, workers) : open_one(listen, *address, options, workers);
    if (!why.empty()) return why;
    addresses_.push_back(address->text());
  }
  if (handed_.empty()) return {};
  return fmt::format(
      "LISTEN_FDS: a socket for {} was handed over, and no [[listen]] has that address",
      net::local_address(handed_.front()).text());
}

// A socket for each worker; with port 0 all share the one that the first is given.
std::string Sockets::open_one(const Listen& listen, net::Address& address,
                              const net::ClientSocketOptions& options, std::uint32_t workers) {
  const auto failed = [&](Error why) {
    return fmt::format("cannot listen on {}: {}", listen.address, std::strerror(why.sys));
  };
  // SO_REUSEPORT would let a second Weir of the same user share the port unnoticed: ask first.
  if (const auto taken = net::Listener::probe(address); !taken) return failed(taken.error());
  for (std::uint32_t i = 0; i < workers; ++i) {
    const auto fd = net::Listener::open_socket(address, static_cast<int>(listen.backlog), options);
    if (!fd) return failed(fd.error());
    of_worker_[i].push_back(*fd);
    address = net::local_address(*fd);
  }
  return {};
}

// One that was handed over is all workers' together: its queue outlives this process.
std::string Sockets::share(int fd, const Listen& listen, std::uint32_t workers) {
  const auto failed = [&](Error why) {
    return fmt::format("LISTEN_FDS: cannot listen on {}: {}", listen.address,
                       std::strerror(why.sys));
  };
  const auto adopted = net::Listener::adopt(fd, static_cast<int>(listen.backlog));
  of_worker_[0].push_back(fd);
  if (!adopted) return failed(adopted.error());
  for (std::uint32_t i = 1; i < workers; ++i) {
    const auto copy = net::Listener::share(fd);
    if (!copy) return failed(copy.error());
    of_worker_[i].push_back(*copy);
  }
  return {};
}

// The one that was handed over for this address; -1: there is none.
int Sockets::take_handed(const net::Address& address) {
  const auto at =
      std::ranges::find_if(handed_, [&](int fd) { return net::local_address(fd) == address; });
  if (at == handed_.end()) return -1;
  const int fd = *at;
  handed_.erase(at);
  return fd;
}

std::string Sockets::open_admin(const Server& server) {
  auto socket = AdminSocket::open(server);
  if (!socket) return socket.error();
  admin_ = std::move(*socket);
  if (!admin_.text().empty()) fmt::print(stderr, "weir: admin on {}\n", admin_.text());
  return {};
}

}  // namespace weir::app
