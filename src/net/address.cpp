#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace weir::net {
namespace {

sockaddr_in& v4(Address& a) { return reinterpret_cast<sockaddr_in&>(a.storage); }
sockaddr_in6& v6(Address& a) { return reinterpret_cast<sockaddr_in6&>(a.storage); }
const sockaddr_in& v4(const Address& a) { return reinterpret_cast<const sockaddr_in&>(a.storage); }
const sockaddr_in6& v6(const Address& a) {
  return reinterpret_cast<const sockaddr_in6&>(a.storage);
}

// Clients have no name.
std::string unix_text(const Address& a) {
  const auto& raw = reinterpret_cast<const sockaddr_un&>(a.storage);
  return a.length <= offsetof(sockaddr_un, sun_path) || raw.sun_path[0] == '\0'
             ? "unix"
             : fmt::format("unix:{}", raw.sun_path);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  return port;
}

Address wildcard(std::uint16_t port) {
  Address a;
  a.length = sizeof(sockaddr_in6);
  a.dual_stack = true;
  v6(a).sin6_family = AF_INET6;
  v6(a).sin6_addr = in6addr_any;
  a.set_port(port);
  return a;
}

}  // namespace

std::string Address::host_text() const {
  char buffer[INET6_ADDRSTRLEN];
  if (family() == AF_UNIX) return "unix";
  if (dual_stack) return "*";
  if (family() == AF_INET && inet_ntop(AF_INET, &v4(*this).sin_addr, buffer, sizeof buffer)) {
    return buffer;
  }
  if (family() == AF_INET6 && inet_ntop(AF_INET6, &v6(*this).sin6_addr, buffer, sizeof buffer)) {
    return buffer;
  }
  return "unknown";
}

std::string Address::text() const {
  if (family() == AF_INET6 && !dual_stack) return fmt::format("[{}]:{}", host_text(), port());
  if (family() == AF_INET || dual_stack) return fmt::format("{}:{}", host_text(), port());
  if (family() == AF_UNIX) return unix_text(*this);
  return "unknown";
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(v4(*this).sin_port);
  if (family() == AF_INET6) return ntohs(v6(*this).sin6_port);
  return 0;
}

void Address::set_port(std::uint16_t port) {
  if (family() == AF_INET) v4(*this).sin_port = htons(port);
  if (family() == AF_INET6) v6(*this).sin6_port = htons(port);
}

bool Address::loopback() const {
  if (family() == AF_UNIX) return true;
  if (family() == AF_INET) return ntohl(v4(*this).sin_addr.s_addr) >> 24 == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6(*this).sin6_addr);
}

bool operator==(const Address& a, const Address& b) {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  if (a.family() == AF_INET) return v4(a).sin_addr.s_addr == v4(b).sin_addr.s_addr;
  if (a.family() != AF_INET6) return true;
  return std::memcmp(&v6(a).sin6_addr, &v6(b).sin6_addr, sizeof(in6_addr)) == 0 &&
         v6(a).sin6_scope_id == v6(b).sin6_scope_id && a.dual_stack == b.dual_stack;
}

Address address_from(const sockaddr& raw, socklen_t length) {
  Address a;
  a.length = std::min<socklen_t>(length, sizeof a.storage);
  std::memcpy(&a.storage, &raw, a.length);
  if (a.family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6(a).sin6_addr)) return a;
  Address plain;
  plain.length = sizeof(sockaddr_in);
  v4(plain).sin_family = AF_INET;
  v4(plain).sin_port = v6(a).sin6_port;
  std::memcpy(&v4(plain).sin_addr, &v6(a).sin6_addr.s6_addr[12], sizeof(in_addr));
  return plain;
}

Address local_address(int fd) {
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return {};
  Address address = address_from(reinterpret_cast<const sockaddr&>(raw), length);
  if (address.family() != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&v6(address).sin6_addr))
    return address;
  int v6only = 1;
  socklen_t size = sizeof v6only;
  address.dual_stack =
      getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size) == 0 && v6only == 0;
  return address;
}

std::optional<HostPort> split_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string host(text.substr(0, colon));
  if (host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    in6_addr address;
    if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
  } else if (host.find_first_of(":[]") != std::string::npos) {
    return std::nullopt;
  }
  return HostPort{std::move(host), *port};
}

std::optional<Address> parse_address(const std::string& host, std::uint16_t port) {
  Address a;
  if (inet_pton(AF_INET, host.c_str(), &v4(a).sin_addr) == 1) {
    a.storage.ss_family = AF_INET;
    a.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, host.c_str(), &v6(a).sin6_addr) == 1) {
    a.storage.ss_family = AF_INET6;
    a.length = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  a.set_port(port);
  return a;
}

std::optional<Address> parse_address(std::string_view text) {
  if (text.starts_with(":") || text.starts_with("*:")) {
    const auto port = parse_port(text.substr(text.find(':') + 1));
    return port ? std::optional(wildcard(*port)) : std::nullopt;
  }
  const auto split = split_host_port(text);
  return split ? parse_address(split->host, split->port) : std::nullopt;
}

}  // namespace weir::net
