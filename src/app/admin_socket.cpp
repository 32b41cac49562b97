#include "app/admin_socket.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "app/files_of.h"
#include "net/listener.h"

namespace weir::app {
namespace {

constexpr int kBacklog = 64;

Result<int> open_ip(const net::Address& address) {
  if (const auto taken = net::Listener::probe(address); !taken) {
    return std::unexpected(taken.error());
  }
  return net::Listener::open_socket(address, kBacklog);
}

}  // namespace

std::optional<net::Address> admin_address(const Server& server) {
  const auto path = net::parse_unix_address(server.admin);
  return path ? path : net::parse_address(server.admin);
}

std::expected<AdminSocket, std::string> AdminSocket::open(const Server& server) {
  const auto failed = [&](Error why) {
    return std::unexpected(fmt::format("cannot listen on {} (server.admin): {}", server.admin,
                                       std::strerror(why.sys)));
  };
  AdminSocket out;
  if (const auto path = net::parse_unix_address(server.admin)) {
    const FilesOf group(server.user);
    auto listener = net::UnixListener::open(*path, kBacklog);
    if (!listener) return failed(listener.error());
    out.unix_ = std::move(*listener);
    out.fd_ = out.unix_.take();
    out.text_ = path->text();
    return out;
  }
  const auto address = net::parse_address(server.admin);
  if (!address) return out;  // "off"
  const auto fd = open_ip(*address);
  if (!fd) return failed(fd.error());
  out.fd_ = *fd;
  out.text_ = net::local_address(*fd).text();
  return out;
}

AdminSocket AdminSocket::adopt(const Server& server, int fd) {
  AdminSocket out;
  out.fd_ = fd;
  const auto path = net::parse_unix_address(server.admin);
  out.text_ = path ? path->text() : net::local_address(fd).text();
  return out;
}

void AdminSocket::own_file(const Server& server) {
  if (const auto path = net::parse_unix_address(server.admin)) {
    unix_.leave_file();
    unix_ = net::UnixListener::of(*path);
  }
}

AdminSocket::~AdminSocket() {
  if (fd_ >= 0) ::close(fd_);
}

AdminSocket& AdminSocket::operator=(AdminSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(unix_, other.unix_);
  std::swap(text_, other.text_);
  return *this;
}

int AdminSocket::take() { return std::exchange(fd_, -1); }

}  // namespace weir::app
