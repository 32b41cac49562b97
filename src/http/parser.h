#pragma once
// Incremental HTTP/1 parsing (llhttp, strict, and our own checks: README.md of this folder, "What
// the parser refuses"). Feed whatever bytes there are, also one at a time; nothing waits for
// exactly n bytes. One parser per connection, reset between messages. Not thread safe.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "http/head.h"

namespace weir::http {

struct HeadLimits {
  std::size_t head_bytes = 64 * 1024;   // request or status line and all fields: kHeadTooLarge
  std::size_t target_bytes = 8 * 1024;  // kUriTooLong
  std::size_t fields = 100;             // kHeadTooLarge
};

struct HeadStep {
  std::size_t used = 0;  // bytes of the input that belong to the head
  bool complete = false;
};

class RequestParser {
 public:
  explicit RequestParser(const HeadLimits& limits);
  ~RequestParser();

  // Parses on. The first feed of a head clears `into`; later ones must be given the same object.
  // `complete`: `into` is whole, its framing decided, and input after `used` is body or the next
  // request. Not complete: all input was used, give more. Empty lines before the request line are
  // skipped (RFC 9112 §2.2) and are no start. Where bytes are refused does not depend on how they
  // were cut into feeds. Errors: kBadRequest, kBadHost, kBadFraming, kBadTarget,
  // kUriTooLong, kHeadTooLarge, kUnsupportedVersion, kUnsupportedCoding, kExpectationFailed. After
  // completion or an error only reset() may be called; `into` then holds what was understood so far
  // (for the log).
  Result<HeadStep> feed(std::string_view in, Request& into);
  bool started() const;  // at least one byte of the current head was seen
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ResponseParser {
 public:
  explicit ResponseParser(const HeadLimits& limits);
  ~ResponseParser();

  // As RequestParser::feed. A 1xx is a complete head of its own with Framing::kNone; call reset()
  // and go on for the final one. `to` is the method of the request that it answers: HEAD, and 204
  // and 304, have Framing::kNone whatever the fields say. Errors: kOriginBadResponse,
  // kOriginHeadTooLarge.
  Result<HeadStep> feed(std::string_view in, Method to, Response& into);
  bool started() const;
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The chunked transfer coding (RFC 9112 §7.1), either way. Bounded: chunk sizes up to 2^63-1 in at
// most 16 digits, extensions up to 4 KiB in all per body, trailers under the head's limits. Bare CR
// or LF is an error. Trailers that say how to frame, route, authenticate, cache or decode the
// message are dropped (RFC 9110 §6.5.1).
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(const HeadLimits& limits);
  ~ChunkedDecoder();
  ChunkedDecoder(ChunkedDecoder&&) noexcept;
  ChunkedDecoder& operator=(ChunkedDecoder&&) noexcept;

  struct Step {
    std::size_t used = 0;
    std::string_view data;  // a view into `in`; may be empty
    bool end = false;       // the last chunk and the trailers were read
  };
  // Takes bytes until a piece of data, the end, or the end of the input. Call again with the rest
  // while `used` < in.size() and not end; bytes after the end are not taken. Errors: kBadFraming
  // for all; after one only reset() may be called.
  Result<Step> feed(std::string_view in);
  const Fields& trailers() const;
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::http
