#include "net/network.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <span>

namespace weir::net {
namespace {

template <class To, class From>
std::span<To> octets(From& address) {
  const bool v4 = address.family() == AF_INET;
  auto* raw = reinterpret_cast<To*>(&address.storage) +
              (v4 ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr));
  return {raw, v4 ? sizeof(in_addr) : sizeof(in6_addr)};
}

// The bits of octet `i` that the prefix covers.
unsigned mask_of(std::size_t i, unsigned bits) {
  const std::size_t before = i * 8;
  if (bits <= before) return 0;
  return bits - before >= 8 ? 0xffu : 0xffu << (8 - (bits - before)) & 0xffu;
}

}  // namespace

bool Network::contains(const Address& address) const {
  if (address.family() != first.family() || address.dual_stack) return false;
  const auto mine = octets<const unsigned char>(first);
  const auto other = octets<const unsigned char>(address);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (((mine[i] ^ other[i]) & mask_of(i, bits)) != 0) return false;
  }
  return true;
}

std::string Network::text() const { return fmt::format("{}/{}", first.host_text(), bits); }

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto address = parse_address(std::string(text.substr(0, slash)), 0);
  if (!address) return {};
  Network network{*address, 0};
  const auto octet = octets<unsigned char>(network.first);
  const auto most = static_cast<unsigned>(octet.size() * 8);
  network.bits = most;
  if (slash < text.size()) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, network.bits);
    if (error != std::errc() || stop != end || network.bits > most) return {};
  }
  for (std::size_t i = 0; i < octet.size(); ++i) {
    octet[i] = static_cast<unsigned char>(octet[i] & mask_of(i, network.bits));
  }
  return network;
}

}  // namespace weir::net
