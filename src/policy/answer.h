#pragma once
// Which answer a stored response gives to a request: 200, 206, 304, 412 or 416 (RFC 9110 §13, §14).

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "http/head.h"
#include "http/range.h"

namespace weir::policy {

struct Answer {
  int status = 200;  // the stored status, or 206, 304, 412, 416
  // What of the body to send; nothing: all of it (or no body for 304, 412, 416, HEAD).
  std::optional<http::ByteRange> range;
  bool body = true;
};

// `stored` is a final response of ours with status 200 for ranges and conditions to apply (others
// are replayed as they are). `total` is the body's length when known; ranges need it, unknown is
// answered with all (200). Precedence as RFC 9110 §13.2.2: If-Match, If-Unmodified-Since,
// If-None-Match, If-Modified-Since, then If-Range and Range. Range counts for GET alone; one range
// only: several are answered with all (200), until the policy issue.
// - If-Modified-Since without a stored Last-Modified is compared with Date (RFC 9111 §4.3.2).
// - If-Range with a date needs that very Last-Modified, and one that is a strong validator: at
// least
//   a second older than Date (RFC 9110 §8.8.2.2, §13.1.5).
// - 412 says only that the stored response fails If-Match or If-Unmodified-Since. RFC 9111 §4.3.2
//   leaves that judgement to the origin: pass the request on rather than answer 412.
Answer answer(const http::Request& request, const http::Response& stored,
              std::optional<std::uint64_t> total, WallTime now);

// Which stored fields go along with an answer of that status. 200 and 206: all. 304: none that
// describes the content the client already has, but for its validators and Content-Location
// (RFC 9110 §15.4.5). 412 and 416: none that describes the content, nor validators, nor freshness.
bool goes_with(int status, http::FieldId field);

}  // namespace weir::policy
