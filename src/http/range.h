#pragma once
// Byte ranges (RFC 9110 §14): Range and Content-Range, and the arithmetic between them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

// first..last inclusive, as on the wire.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size() const { return last - first + 1; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// One member of a Range field before the length is known: "5-9", "5-", "-5".
struct RangeSpec {
  std::optional<std::uint64_t> first;  // absent: suffix
  std::optional<std::uint64_t> last;   // with absent first: the suffix length
  friend bool operator==(const RangeSpec&, const RangeSpec&) = default;
};

// Nothing for another unit, a malformed field, or more than 64 ranges (then RFC 9110 §14.2 lets us
// ignore it). Numbers that do not fit 64 bits count as the largest that does.
std::optional<std::vector<RangeSpec>> parse_range(std::string_view value);
// Nothing when unsatisfiable for a representation of `total` bytes; always so for an empty one.
std::optional<ByteRange> resolve(const RangeSpec& spec, std::uint64_t total);
// Those that can be satisfied, in the order of `specs`; ranges that overlap or touch are one, at
// the place of the first of them (RFC 9110 §15.3.7.2). So no byte is in two of them.
std::vector<ByteRange> resolve_all(const std::vector<RangeSpec>& specs, std::uint64_t total);

struct ContentRange {
  std::optional<ByteRange> range;      // absent: "bytes */N"
  std::optional<std::uint64_t> total;  // absent: "bytes a-b/*"
};
// Nothing for another unit, and for what RFC 9110 §14.4 calls invalid.
std::optional<ContentRange> parse_content_range(std::string_view value);
std::string print_content_range(ByteRange range, std::uint64_t total);  // "bytes 0-9/100"
std::string print_content_range_unsatisfied(std::uint64_t total);       // "bytes */100"

}  // namespace weir::http
