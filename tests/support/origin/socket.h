#pragma once
// One accepted connection: blocking, buffered reads; sends that notice a peer which takes nothing.
// Used by one thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "support/origin/tls.h"
#include "support/origin/units.h"

namespace weir::test::origin {

enum class Sent { kAll, kPeerGone, kBlocked };
enum class HeadRead { kHead, kEnd, kBad };

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Whoever begins as TLS does is spoken to by `tls`, everybody else plainly. False: the handshake
  // failed, or nothing came. Nothing is filled in for who is plain.
  bool open(const TlsSide& tls, std::optional<Shaken>& shaken);
  // Takes a PROXY header of version 2, where one stands first: "192.0.2.1:1234", or "LOCAL".
  // Nothing: there is none.
  std::optional<std::string> take_proxy_header();

  // Everything through the empty line. kBad: a bare LF, or more than 64 KiB.
  HeadRead read_head(std::string& head);
  // One line without its CRLF; nothing when the peer is gone or the line is bad.
  std::optional<std::string> read_line();
  // Between one and `most` bytes, valid until the next call; empty when the peer is gone.
  std::string_view read_some(std::uint64_t most);

  // `more`: the kernel may hold this back until the next send.
  Sent send(std::string_view bytes, bool more = false);
  // How long a send may find no room before it gives kBlocked; 0: for ever.
  void set_send_patience(Micros patience) { patience_ = patience; }

  // Sleeps; false at once when the peer has reset the connection.
  bool wait(Micros time);

  int fd() const { return fd_; }

  void reset();  // RST
  // FIN, then reads and discards for at most two seconds. With TLS `farewell` is its close_notify.
  void close_gently(bool farewell = true);

 private:
  bool fill();
  Sent send_tls(std::string_view bytes);
  Sent wait_for_room();

  int fd_;
  SslPtr ssl_;
  Micros patience_{0};
  std::string buffer_;
  std::size_t at_ = 0;  // buffer_ is unread from here
};

}  // namespace weir::test::origin
