#pragma once
// DatagramSocket: messages to one other end, a Unix socket or UDP. Never waits. One thread at a
// time.

#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"

namespace weir::net {

class DatagramSocket {
 public:
  // `to`: of parse_unix_address() or parse_address(). Connects with the first message, and anew
  // with the one after close().
  explicit DatagramSocket(const Address& to) : to_(to) {}
  ~DatagramSocket() { close(); }
  DatagramSocket(DatagramSocket&& other) noexcept;
  DatagramSocket& operator=(DatagramSocket&&) = delete;

  // One message, whole. Errors carry errno: EAGAIN, there is no room now; EMSGSIZE, it is too
  // large; ENOENT, ECONNREFUSED and the like, nobody is there, which closes the socket.
  Result<void> send(std::string_view message);
  // A message without bytes that carries a descriptor, which stays the caller's.
  Result<void> send_descriptor(int fd);
  // Until more may fit, or for so long.
  void wait_writable(Duration patience) const;
  void close();

 private:
  Result<void> connect();
  Result<void> send_message(const msghdr& message);

  Address to_;
  int fd_ = -1;
};

}  // namespace weir::net
