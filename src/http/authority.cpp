#include "http/authority.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "http/syntax.h"

namespace weir::http {
namespace {

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(copy.data(), text.data(), text.size());
  in6_addr address;
  return inet_pton(AF_INET6, copy.data(), &address) == 1;
}

// The length of the host at the front of `text`, brackets included; 0 when there is none.
std::size_t host_length(std::string_view text) {
  if (!text.starts_with('[')) return run_of(text, kHostChar);
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) return 0;
  return close + 1;
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && parse_decimal(text, 65536).value_or(65536) < 65536;
}

}  // namespace

bool parse_authority(std::string_view text, Port port, std::string& out) {
  const std::size_t host = host_length(text);
  if (host == 0) return false;
  std::string_view rest = text.substr(host);
  if (rest == ":") {
    text.remove_suffix(1);  // RFC 3986 §6.2.3: an empty port is the default port
    rest = {};
  }
  if (rest.empty() ? port == Port::kRequired : rest[0] != ':' || !is_port(rest.substr(1))) {
    return false;
  }
  out.assign(text);
  for (char& c : out) c = to_lower(c);
  return true;
}

std::string_view without_default_port(std::string_view scheme, std::string_view authority) {
  const std::string_view port = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

}  // namespace weir::http
