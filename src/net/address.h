#pragma once
// Addresses of sockets, and "host:port" texts. Values; any thread.

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool dual_stack = false;  // the IPv6 wildcard that takes IPv4 as well: "*:80"

  std::string text() const;  // "192.0.2.1:80", "[2001:db8::1]:80", "*:80"; "unknown" when empty
                             // of a Unix socket "unix:/path", or "unix" without a name
  std::string host_text() const;  // "192.0.2.1", "2001:db8::1", "*", "unix"
  std::uint16_t port() const;
  void set_port(std::uint16_t port);
  bool loopback() const;  // only this machine reaches it: 127.0.0.0/8, ::1, a Unix socket
  int family() const { return storage.ss_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  friend bool operator==(const Address& a, const Address& b);  // family, host, port
                                                               // (all Unix sockets are equal)
};

// What the kernel or a resolver gave. An IPv4 address mapped into IPv6 becomes plain IPv4, so that
// logs and rules see one client under one name.
Address address_from(const sockaddr& raw, socklen_t length);
// The near end of a socket; empty when `fd` is none.
Address local_address(int fd);

// "host:port" split; brackets of an IPv6 literal removed. The port is 0 to 65535, the host not
// empty. IPv6 without brackets is refused: its last part would be taken for a port.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> split_host_port(std::string_view text);
// Only literals: no name is looked up. "*:80" and ":80" are [::]:80 with IPv4 as well; "[::]:80" is
// IPv6 alone.
std::optional<Address> parse_address(std::string_view text);
// The same, split already; `host` has no brackets.
std::optional<Address> parse_address(const std::string& host, std::uint16_t port);

}  // namespace weir::net
