#pragma once
// AccessEntry: what is known of an exchange when it is over, for the access log. One a response,
// also for one that was refused or cut.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace weir::proxy {

// The bytes of the response that the client asked for or got, of `size` (RFC 9110 §14.4).
struct AccessRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// Views need only live during the call they are passed to. Empty texts are not known or do not
// apply. Bytes from the network may be anything: the log escapes them.
struct AccessEntry {
  WallTime wall;              // when the request's first byte arrived
  Duration wall_fraction{0};  // beyond the whole second
  std::uint32_t worker = 0;

  std::string_view client;  // address text without port
  std::uint16_t client_port = 0;
  std::string_view method;  // empty: no request could be read
  std::string_view target;
  std::string_view host;
  std::string_view version;  // "HTTP/1.1"
  std::string_view referer;
  std::string_view user_agent;

  int status = 0;                         // 0: closed without an answer
  std::uint64_t head_bytes = 0;           // of the response, handed to the kernel
  std::uint64_t body_bytes = 0;           // likewise, without framing
  std::optional<std::uint64_t> received;  // bytes of the client through a tunnel
  std::optional<AccessRange> range;
  bool complete = false;  // the whole response was handed to the kernel

  std::string_view cache;   // "hit", "miss", "pass", "join", ...
  std::string_view reason;  // why so
  std::string_view origin;  // the server that was asked
  std::string_view close;   // why the connection ended with this response

  bool acked_known = false;
  std::uint64_t acked = 0;          // bytes of the body that the client's kernel acknowledged
  bool delivered = false;           // the whole response arrived
  Duration time_to_last_ack{0};     // from `wall`; 0: none was seen
  Duration standstill{0};           // in all, while data was owed and nothing was acknowledged
  std::string_view delivery_proof;  // "next_request", "acknowledged", "closed_clean", "unknown"
  std::uint32_t rtt_us = 0;         // 0: not known
  std::uint32_t retransmits = 0;

  Duration time_to_first_byte{0};  // from `wall`; 0: nothing was sent
  Duration duration{0};            // from `wall` to the end
};

}  // namespace weir::proxy
