#pragma once
// The heads of messages: what stands before the body (RFC 9110 §6, RFC 9112 §3-4).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/fields.h"

namespace weir::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kOptions,
  kTrace,
  kConnect,
  kPatch,
  kPurge,
  kOther,
};

// Case-sensitive (RFC 9110 §9.1); kOther for every unknown one.
Method parse_method(std::string_view text);
std::string_view method_name(Method m);  // "GET"; empty for kOther

// Safe and idempotent methods of RFC 9110 §9.2; kOther and kPurge are neither.
bool is_safe(Method m);
bool is_idempotent(Method m);

struct Version {
  std::uint8_t major = 1;
  std::uint8_t minor = 1;
  friend auto operator<=>(const Version&, const Version&) = default;
};
inline constexpr Version kHttp10{1, 0};
inline constexpr Version kHttp11{1, 1};

// How the end of a body is found (RFC 9112 §6).
enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct Request {
  Method method = Method::kGet;
  std::string method_text;  // exactly as received; needed for kOther
  std::string target;       // origin-form ("/path?query", "*" for OPTIONS): absolute-form is split
  std::string authority;  // host[:port] from the absolute-form target or else from Host; lower case
  Version version = kHttp11;  // what the other end speaks; 1.2 and above count as 1.1 (§2.5)
  Fields fields;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;      // with Framing::kLength; may be 0
  bool keep_alive = true;        // RFC 9112 §9.3, from version and Connection
  bool expect_continue = false;  // and a body is announced and HTTP/1.1 spoken

  void clear();  // keeps memory
};

struct Response {
  int status = 0;
  Version version = kHttp11;
  Framing framing = Framing::kNone;
  bool keep_alive = true;
  Text reason;
  Fields fields;
  std::uint64_t length = 0;

  void clear();
};

// "Not Found" for 404; empty when unknown.
std::string_view reason_phrase(int status);

}  // namespace weir::http
