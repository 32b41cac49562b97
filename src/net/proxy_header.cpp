#include "net/proxy_header.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace weir::net {
namespace {

using Status = ProxyHeaderDecoder::Status;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::size_t kLineMost = 107;  // §2.1, with its CRLF
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kFixed = 16;  // §2.2: signature, version and command, family, length

// §2.2: version in the high half of the byte, command in the low one; then family and protocol.
constexpr unsigned char kLocal = 0x20;
constexpr unsigned char kProxied = 0x21;
constexpr unsigned char kUnspecified = 0x00;
constexpr unsigned char kTcp4 = 0x11;
constexpr unsigned char kTcp6 = 0x21;
constexpr unsigned char kUnixStream = 0x31;

// Bytes of both addresses with both ports.
std::size_t address_bytes(unsigned char family) {
  if (family == kTcp4) return 2 * sizeof(in_addr) + 4;
  if (family == kTcp6) return 2 * sizeof(in6_addr) + 4;
  return 0;
}

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

Address address_of(std::string_view host, std::string_view port) {
  if (host.size() == sizeof(in_addr)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    std::memcpy(&a.sin_addr, host.data(), host.size());
    std::memcpy(&a.sin_port, port.data(), sizeof a.sin_port);
    return address_from(reinterpret_cast<const sockaddr&>(a), sizeof a);
  }
  sockaddr_in6 a{};
  a.sin6_family = AF_INET6;
  std::memcpy(&a.sin6_addr, host.data(), sizeof a.sin6_addr);
  std::memcpy(&a.sin6_port, port.data(), sizeof a.sin6_port);
  return address_from(reinterpret_cast<const sockaddr&>(a), sizeof a);
}

// §2.1: decimal, no leading zeros.
std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool plain = text == "0" || !text.starts_with('0');
  if (error != std::errc() || end != text.data() + text.size() || !plain) return {};
  return port;
}

std::optional<Address> line_address(std::string_view host, std::string_view port, int family) {
  const auto number = port_of(port);
  if (!number) return {};
  const auto address = parse_address(std::string(host), *number);
  if (!address || address->family() != family || address->dual_stack) return {};
  return address_from(*address->raw(), address->length);
}

}  // namespace

ProxyHeaderDecoder::Step ProxyHeaderDecoder::feed(std::span<const std::byte> in) {
  WEIR_CHECK(state_ != State::kOver);
  Step step;
  while (step.used < in.size() && step.status == Status::kMore) {
    if (state_ == State::kRest) {
      const std::size_t n = std::min(rest_, in.size() - step.used);
      rest_ -= n;
      step.used += n;
      if (rest_ == 0) step.status = Status::kDone;
    } else {
      step.status = take(static_cast<char>(in[step.used++]));
    }
  }
  if (step.status != Status::kMore) state_ = State::kOver;
  return step;
}

Status ProxyHeaderDecoder::take(char c) {
  text_ += c;
  switch (state_) {
    case State::kStart:
      state_ = c == kLineStart.front() ? State::kLine : State::kFixed;
      return c == kLineStart.front() || c == kSignature.front() ? Status::kMore : Status::kBad;
    case State::kLine:
      return step_line(c);
    case State::kFixed:
      return step_fixed(c);
    case State::kAddresses:
      return step_addresses(c);
    case State::kRest:
    case State::kOver:
      break;
  }
  check_failed("no byte is due", __FILE__, __LINE__);
}

Status ProxyHeaderDecoder::step_line(char c) {
  const std::size_t n = text_.size();
  if (n <= kLineStart.size() && c != kLineStart[n - 1]) return Status::kBad;
  if (n > kLineMost) return Status::kBad;
  if (c != '\n') return Status::kMore;
  if (text_[n - 2] != '\r') return Status::kBad;
  return read_line(std::string_view(text_).substr(kLineStart.size(), n - 2 - kLineStart.size()));
}

// "TCP4 192.0.2.1 192.0.2.2 1234 80", or "UNKNOWN" with anything behind it.
Status ProxyHeaderDecoder::read_line(std::string_view line) {
  std::array<std::string_view, 5> words;
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return Status::kDone;
  for (std::string_view& word : words) {
    word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
  }
  if (!line.empty() || text_[text_.size() - 3] == ' ') return Status::kBad;
  const int family = words[0] == "TCP4" ? AF_INET : words[0] == "TCP6" ? AF_INET6 : AF_UNSPEC;
  source_ = line_address(words[1], words[3], family);
  destination_ = line_address(words[2], words[4], family);
  return source_ && destination_ ? Status::kDone : Status::kBad;
}

Status ProxyHeaderDecoder::step_fixed(char c) {
  const std::size_t n = text_.size();
  if (n <= kSignature.size() && c != kSignature[n - 1]) return Status::kBad;
  if (n < kFixed) return Status::kMore;
  const unsigned char command = byte_at(text_, 12);
  const unsigned char family = byte_at(text_, 13);
  rest_ = std::size_t{byte_at(text_, 14)} * 256 + byte_at(text_, 15);
  if (command != kLocal && command != kProxied) return Status::kBad;
  needed_ = command == kLocal ? 0 : address_bytes(family);
  const bool known = needed_ > 0 || family == kUnspecified || family == kUnixStream;
  if (command == kProxied && (!known || rest_ < needed_)) return Status::kBad;
  rest_ -= needed_;
  text_.clear();
  if (needed_ == 0) return after_addresses();
  state_ = State::kAddresses;
  return Status::kMore;
}

Status ProxyHeaderDecoder::step_addresses(char) {
  if (text_.size() < needed_) return Status::kMore;
  const std::string_view all = text_;
  const std::size_t host = (needed_ - 4) / 2;
  source_ = address_of(all.substr(0, host), all.substr(2 * host, 2));
  destination_ = address_of(all.substr(host, host), all.substr(2 * host + 2, 2));
  return after_addresses();
}

Status ProxyHeaderDecoder::after_addresses() {
  state_ = State::kRest;
  return rest_ == 0 ? Status::kDone : Status::kMore;
}

std::string print_proxy_header(const std::optional<Address>& source,
                               const std::optional<Address>& destination) {
  std::string out(kSignature);
  const bool both = source && destination && source->family() == destination->family();
  const bool v4 = both && source->family() == AF_INET;
  if (!both || (!v4 && source->family() != AF_INET6)) {
    out += static_cast<char>(kLocal);
    return out.append(3, '\0');
  }
  out += static_cast<char>(kProxied);
  out += static_cast<char>(v4 ? kTcp4 : kTcp6);
  out += '\0';
  out += static_cast<char>(address_bytes(v4 ? kTcp4 : kTcp6));
  std::string ports;
  for (const Address* a : {&*source, &*destination}) {
    const auto& ip4 = reinterpret_cast<const sockaddr_in&>(a->storage);
    const auto& ip6 = reinterpret_cast<const sockaddr_in6&>(a->storage);
    out.append(v4 ? reinterpret_cast<const char*>(&ip4.sin_addr)
                  : reinterpret_cast<const char*>(&ip6.sin6_addr),
               v4 ? sizeof ip4.sin_addr : sizeof ip6.sin6_addr);
    const std::uint16_t port = htons(a->port());
    ports.append(reinterpret_cast<const char*>(&port), sizeof port);
  }
  return out + ports;
}

}  // namespace weir::net
