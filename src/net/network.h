#pragma once
// Network: IP addresses that begin with the same bits, as "10.0.0.0/8" (RFC 4632 §3.1) and
// "2001:db8::/32" (RFC 4291 §2.3) say. A value; any thread.

#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"

namespace weir::net {

struct Network {
  Address first;      // its bits behind the prefix are zero; the port does not matter
  unsigned bits = 0;  // of the prefix

  // An IPv4 address that is mapped into IPv6 is not one of `first`'s family (see address_from).
  bool contains(const Address& address) const;
  std::string text() const;
};

// An address alone is a network of one. Bits behind the prefix become zero. Nothing where it is
// neither.
std::optional<Network> parse_network(std::string_view text);

}  // namespace weir::net
