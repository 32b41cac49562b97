#include "app/sockets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "net/listener.h"

namespace weir::app {
namespace {

using Opened = std::expected<OpenedListen, std::string>;

Opened failed(OpenedListen opened, std::string_view what, const Listen& listen, Error why) {
  for (const int fd : opened.sockets) ::close(fd);
  return std::unexpected(
      fmt::format("{}cannot listen on {}: {}", what, listen.address, std::strerror(why.sys)));
}

// Those that were handed over are shared where they are fewer than the workers: their queues
// outlive who had them before.
Opened adopt(std::vector<int> sockets, std::string_view what, const Listen& listen,
             const net::ClientSocketOptions& options, std::uint32_t workers) {
  OpenedListen out{.address = {}, .sockets = std::move(sockets)};
  const std::size_t given = out.sockets.size();
  for (std::size_t i = 0; i < given; ++i) {
    const auto adopted = net::Listener::adopt(out.sockets[i], static_cast<int>(listen.backlog));
    if (!adopted) return failed(std::move(out), what, listen, adopted.error());
    net::set_client_options(out.sockets[i], options);
    out.address = adopted->text();
  }
  for (std::size_t i = given; i < workers; ++i) {
    const auto copy = net::Listener::share(out.sockets[i % given]);
    if (!copy) return failed(std::move(out), what, listen, copy.error());
    out.sockets.push_back(*copy);
  }
  return out;
}

}  // namespace

// With port 0 all share the one that the first is given.
Opened open_listen(const Listen& listen, const net::ClientSocketOptions& options,
                   std::uint32_t workers) {
  OpenedListen out;
  auto address = net::parse_address(listen.address);
  if (!address) {
    return std::unexpected(fmt::format("cannot listen on {}: not an address", listen.address));
  }
  // SO_REUSEPORT would let a second Weir of the same user share the port unnoticed: ask first.
  if (const auto taken = net::Listener::probe(*address); !taken)
    return failed(std::move(out), "", listen, taken.error());
  for (std::uint32_t i = 0; i < workers; ++i) {
    const auto fd = net::Listener::open_socket(*address, static_cast<int>(listen.backlog), options);
    if (!fd) return failed(std::move(out), "", listen, fd.error());
    out.sockets.push_back(*fd);
    address = net::local_address(*fd);
  }
  out.address = address->text();
  return out;
}

Sockets::~Sockets() {
  for (const int fd : handed_) ::close(fd);
  close_inherited();
  if (inherited_.admin >= 0) ::close(inherited_.admin);
  for (const auto& sockets : of_worker_) {
    for (const WorkerSocket& socket : sockets) ::close(socket.fd);
  }
}

std::string Sockets::open(const Config& config, const net::ClientSocketOptions& options,
                          std::uint32_t workers) {
  of_worker_.resize(workers);
  for (const Listen& listen : config.listens) {
    auto opened = open_one(listen, options, workers);
    if (!opened) return opened.error();
    keep(std::move(*opened));
  }
  close_inherited();
  if (handed_.empty()) return {};
  return fmt::format(
      "LISTEN_FDS: a socket for {} was handed over, and no [[listen]] has that address",
      net::local_address(handed_.front()).text());
}

std::expected<OpenedListen, std::string> Sockets::open_one(const Listen& listen,
                                                           const net::ClientSocketOptions& options,
                                                           std::uint32_t workers) {
  const auto inherited = inherited_.listens.find(listen.address);
  if (inherited != inherited_.listens.end() && !inherited->second.empty()) {
    return adopt(std::exchange(inherited->second, {}), "taking over: ", listen, options, workers);
  }
  const auto address = net::parse_address(listen.address);
  const int fd = address ? take_handed(*address) : -1;
  if (fd >= 0) return adopt({fd}, "LISTEN_FDS: ", listen, options, workers);
  return open_listen(listen, options, workers);
}

// Those of addresses that no [[listen]] has any more: nobody would accept there.
void Sockets::close_inherited() {
  for (const auto& [address, sockets] : inherited_.listens) {
    for (const int fd : sockets) ::close(fd);
  }
  inherited_.listens.clear();
}

void Sockets::keep(OpenedListen opened) {
  const std::size_t listen = addresses_.size();
  addresses_.push_back(std::move(opened.address));
  for (std::size_t i = 0; i < opened.sockets.size(); ++i)
    of_worker_[i % of_worker_.size()].push_back({listen, opened.sockets[i]});
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
  const bool inherited = inherited_.admin >= 0 && inherited_.admin_address == server.admin;
  if (!inherited && inherited_.admin >= 0) ::close(std::exchange(inherited_.admin, -1));
  if (inherited) {
    admin_ = AdminSocket::adopt(server, std::exchange(inherited_.admin, -1));
  } else {
    auto socket = AdminSocket::open(server);
    if (!socket) return socket.error();
    admin_ = std::move(*socket);
  }
  if (!admin_.text().empty()) fmt::print(stderr, "weir: admin on {}\n", admin_.text());
  return {};
}

}  // namespace weir::app
