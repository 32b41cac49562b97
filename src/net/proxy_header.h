#pragma once
// The PROXY protocol, versions 1 and 2 ("The PROXY protocol", HAProxy, 2020): what a balancer says
// in front of a connection about who is at its far end. Pure; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/address.h"

namespace weir::net {

// Reads one header, in pieces of any size.
//
//   Start --'P'--> Line --CRLF--------------------------> Done
//     \--'\r'--> Fixed --16 bytes--> Addresses --> Rest --> Done     any: --> Bad
class ProxyHeaderDecoder {
 public:
  // kBad: it is none, and whoever sent it cannot be believed anything.
  enum class Status : std::uint8_t { kMore, kDone, kBad };
  struct Step {
    std::size_t used = 0;  // bytes that belong to the header: what is behind them is not its
    Status status = Status::kMore;
  };
  // REQUIRES: the last Step said kMore.
  Step feed(std::span<const std::byte> in);

  // Once done: where the connection came from, and where it went to. Nothing: it is the balancer's
  // own (LOCAL), or of a family that has no IP addresses (UNKNOWN, AF_UNIX).
  const std::optional<Address>& source() const { return source_; }
  const std::optional<Address>& destination() const { return destination_; }

 private:
  enum class State : std::uint8_t { kStart, kLine, kFixed, kAddresses, kRest, kOver };
  Status take(char c);
  Status step_line(char c);
  Status step_fixed(char c);
  Status step_addresses(char c);
  Status read_line(std::string_view line);
  Status after_addresses();

  std::string text_;        // what is needed of the header so far, and no more
  std::size_t needed_ = 0;  // of text_, for the state to be over
  std::size_t rest_ = 0;    // bytes behind the addresses (TLVs), which nobody looks at
  State state_ = State::kStart;
  std::optional<Address> source_;
  std::optional<Address> destination_;
};

// A header of version 2. Addresses of two families, or none, make it LOCAL: the connection is ours.
std::string print_proxy_header(const std::optional<Address>& source,
                               const std::optional<Address>& destination);

}  // namespace weir::net
