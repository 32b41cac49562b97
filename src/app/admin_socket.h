#pragma once
// Where the admin address listens: an address of IP, or a Unix socket.

#include <expected>
#include <optional>
#include <string>

#include "app/config.h"
#include "net/address.h"
#include "net/unix_socket.h"

namespace weir::app {

// Nothing: server.admin = "off".
std::optional<net::Address> admin_address(const Server& server);

class AdminSocket {
 public:
  // Binds and listens; before threads and before privileges are dropped. A Unix socket gets the
  // group of server.user. The error is for people.
  static std::expected<AdminSocket, std::string> open(const Server& server);
  // One that another Weir has made. Takes over the descriptor.
  static AdminSocket adopt(const Server& server, int fd);
  AdminSocket() = default;
  ~AdminSocket();
  AdminSocket(AdminSocket&& other) noexcept { *this = std::move(other); }
  AdminSocket& operator=(AdminSocket&& other) noexcept;

  // For whoever takes it over; -1: there is none. The file of a Unix socket goes with this one.
  int take();
  // The file of one that another Weir has made goes with this one from now on.
  void own_file(const Server& server);
  void leave_file() { unix_.leave_file(); }   // it is another Weir's
  std::string text() const { return text_; }  // with the real port; empty: there is none

 private:
  int fd_ = -1;
  net::UnixListener unix_;
  std::string text_;
};

}  // namespace weir::app
