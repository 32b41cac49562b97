#pragma once
// Frames of HTTP/2 by hand, right and wrong ones (RFC 9113 §4, §6), and the plainest HPACK there
// is. Shares nothing with src/ nor with nghttp2.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test::h2 {

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};
enum Flag : std::uint8_t { kNone = 0, kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };
enum Code : std::uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kFlowControlError = 3,
  kStreamClosed = 5,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

inline const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string number(std::uint32_t value, unsigned bytes = 4) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
  return out;
}
inline std::uint32_t number_at(std::string_view in, std::size_t at, unsigned bytes = 4) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + bytes; ++i)
    value = value << 8 | static_cast<unsigned char>(in[i]);
  return value;
}

inline std::string frame(std::uint8_t type, int flags, std::uint32_t id,
                         std::string_view payload = {}) {
  std::string out = number(static_cast<std::uint32_t>(payload.size()), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out.append(number(id)).append(payload);
}

// An integer of RFC 7541 §5.1 with a prefix of 7 bits.
inline std::string hpack_length(std::size_t n) {
  if (n < 127) return std::string(1, static_cast<char>(n));
  std::string out(1, 127);
  for (n -= 127; n >= 128; n /= 128) out += static_cast<char>(128 + n % 128);
  return out += static_cast<char>(n);
}
// Literal without indexing, RFC 7541 §6.2.2.
using Header = std::pair<std::string, std::string>;
inline std::string hpack(const std::vector<Header>& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    out += '\0';
    out.append(hpack_length(name.size())).append(name);
    out.append(hpack_length(value.size())).append(value);
  }
  return out;
}
inline std::vector<Header> get(std::string path) {
  return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", std::move(path)}};
}
inline std::string headers(std::uint32_t id, const std::vector<Header>& fields,
                           int flags = kEndHeaders | kEndStream) {
  return frame(kHeaders, flags, id, hpack(fields));
}
inline std::string rst(std::uint32_t id, std::uint32_t code = kCancel) {
  return frame(kRstStream, 0, id, number(code));
}
inline std::string hello() { return kPreface + frame(kSettings, 0, 0); }

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t id = 0;
  std::string payload;
};
// The whole frames in `in`.
inline std::vector<Frame> frames(std::string_view in) {
  std::vector<Frame> out;
  while (in.size() >= 9) {
    const std::size_t size = number_at(in, 0, 3);
    if (in.size() < 9 + size) break;
    out.push_back({static_cast<std::uint8_t>(in[3]), static_cast<std::uint8_t>(in[4]),
                   number_at(in, 5) & 0x7fffffff, std::string(in.substr(9, size))});
    in.remove_prefix(9 + size);
  }
  return out;
}
// The error code of the last GOAWAY or of a stream's RST_STREAM, if there is one.
inline std::optional<std::uint32_t> goaway_code(std::string_view in) {
  std::optional<std::uint32_t> code;
  for (const Frame& f : frames(in)) {
    if (f.type == kGoaway) code = number_at(f.payload, 4);
  }
  return code;
}
inline std::optional<std::uint32_t> rst_code(std::string_view in, std::uint32_t id) {
  for (const Frame& f : frames(in)) {
    if (f.type == kRstStream && f.id == id) return number_at(f.payload, 0);
  }
  return std::nullopt;
}

}  // namespace weir::test::h2
