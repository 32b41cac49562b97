#pragma once
// Which answer a stored response gives to a request: 200, 206, 304, 412 or 416 (RFC 9110 §13, §14).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/head.h"
#include "http/range.h"

namespace weir::policy {

struct Answer {
  int status = 200;  // the stored status, or 206, 304, 412, 416
  // What of the body to send; nothing: all of it (or no body for 304, 412, 416, HEAD).
  std::optional<http::ByteRange> range = {};
  bool body = true;
  // Two or more, with status 206: a multipart answer; then there is no `range`. None shares a byte
  // with another.
  std::vector<http::ByteRange> parts = {};
};

// `stored` is a final response of ours with status 200 for ranges and conditions to apply (others
// are replayed as they are). `total` is the body's length when known; ranges need it, unknown is
// answered with all (200). Precedence as RFC 9110 §13.2.2: If-Match, If-Unmodified-Since,
// If-None-Match, If-Modified-Since, then If-Range and Range. Range counts for GET alone; more than
// 16 ranges that do not touch are answered with all (§14.2, §17.15).
// - If-Modified-Since without a stored Last-Modified is compared with Date (RFC 9111 §4.3.2).
// - If-Range with a date needs that very Last-Modified, and one that is a strong validator: at
// least
//   a second older than Date (RFC 9110 §8.8.2.2, §13.1.5).
// - 412 says only that the stored response fails If-Match or If-Unmodified-Since. RFC 9111 §4.3.2
//   leaves that judgement to the origin: pass the request on rather than answer 412.
Answer answer(const http::Request& request, const http::Response& stored,
              std::optional<std::uint64_t> total, WallTime now);

// The same of a stored part, bytes `range` of a representation, for a request that part_answers().
// Ranges in the answer count from the representation's begin.
Answer answer_part(const http::Request& request, const http::Response& stored,
                   http::ByteRange range, std::uint64_t total, WallTime now);
// Whether a stored part has all that the request asks for: one range of it, and If-Range holds.
bool part_answers(const http::Request& request, const http::Response& stored, http::ByteRange range,
                  std::uint64_t total, WallTime now);

// A multipart/byteranges message (RFC 9110 §14.6) of these parts: what stands before the bytes of
// each, and at the end. Lengths are exact: the whole is the sum of texts and ranges.
struct Multipart {
  std::string content_type;        // with the boundary
  std::vector<std::string> texts;  // one for each part, and the closing one
  std::uint64_t length = 0;        // of all, with the bytes of the parts
};
// `boundary`: 1 to 70 letters and digits that do not occur in the content but by chance.
Multipart multipart(const std::vector<http::ByteRange>& parts, std::uint64_t total,
                    std::string_view content_type, std::string_view boundary);

// Which stored fields go along with an answer of that status. 200 and 206: all. 304: none that
// describes the content the client already has, but for its validators and Content-Location
// (RFC 9110 §15.4.5). 412 and 416: none that describes the content, nor validators, nor freshness.
bool goes_with(int status, http::FieldId field);

}  // namespace weir::policy
