#pragma once
// Http2Head: the fields of one request of HTTP/2, one after the other, made an http::Request that
// means the same to HTTP/1 (RFC 9113 §8.2-8.3). Nothing may pass that a reader of HTTP/1 further on
// could take for something else: not a line break, not a field of framing or of the connection, not
// two authorities. nghttp2 refuses most of this before it comes here; what it lets pass or not is
// no promise of ours, so all of it is judged again. Knows no nghttp2.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/head.h"
#include "http/parser.h"

namespace weir::front {

class Http2Head {
 public:
  explicit Http2Head(const http::HeadLimits& limits) : limits_(limits) {}

  // The next field, as HPACK gave it. After an error what follows is only counted.
  void add(std::string_view name, std::string_view value, http::Request& into);
  // After the last one. `ends`: no body follows (END_STREAM). Errors: kBadRequest and kBadFraming,
  // for what is malformed (RFC 9113 §8.1.1); kBadHost, kBadTarget, kUriTooLong, kHeadTooLarge,
  // kUnsupportedMethod, kExpectationFailed, for what can be answered.
  std::optional<Error> finish(bool ends, http::Request& into);
  void refuse(Errc why);  // from outside: the request cannot be right any more
  // All that came, counted as in RFC 9113 §6.5.2: names, values, and 32 for each field.
  std::uint64_t bytes() const { return bytes_; }
  void reset();  // keeps memory

  // Whether the request must end its stream by PROTOCOL_ERROR instead of an answer.
  static bool is_malformed(Error why) {
    return why.code == Errc::kBadRequest || why.code == Errc::kBadFraming;
  }

 private:
  enum class Pseudo : std::uint8_t { kMethod = 1, kScheme = 2, kAuthority = 4, kPath = 8 };

  void add_pseudo(std::string_view name, std::string_view value, http::Request& into);
  void add_regular(std::string_view name, std::string_view value, http::Request& into);
  void add_cookie(std::string_view value);
  void accept(Pseudo which, std::string_view value, http::Request& into);
  bool has(Pseudo which) const { return (seen_ & static_cast<unsigned>(which)) != 0; }
  std::optional<Error> accept_host(http::Request& into);

  const http::HeadLimits& limits_;
  std::string cookie_;  // its crumbs, joined (RFC 9113 §8.2.3)
  std::uint64_t bytes_ = 0;
  std::size_t fields_ = 0;
  std::optional<Errc> error_;  // the first
  std::uint8_t seen_ = 0;      // Pseudo
  bool regular_ = false;       // a field came that is not a pseudo-field
  bool has_cookie_ = false;
};

}  // namespace weir::front
