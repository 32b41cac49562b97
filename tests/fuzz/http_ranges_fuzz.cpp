// Range arithmetic: of any Range field and any length, the ranges are within the length, apart, and
// together the bytes that the specs name.

#include <vector>

#include "base/check.h"
#include "http/range.h"
#include "http_input.h"

using namespace weir;
using namespace weir::http;

namespace {

constexpr std::uint64_t kSmall = 512;

// Byte by byte, as RFC 9110 §14.1.2 says it.
bool names(const RangeSpec& spec, std::uint64_t at, std::uint64_t total) {
  if (!spec.first) return total - at <= spec.last.value_or(0);
  return at >= *spec.first && (!spec.last || at <= *spec.last);
}

void try_small(const std::vector<RangeSpec>& specs, const std::vector<ByteRange>& ranges,
               std::uint64_t total) {
  for (std::uint64_t at = 0; at < total; ++at) {
    bool wanted = false;
    for (const RangeSpec& spec : specs) wanted |= names(spec, at, total);
    int given = 0;
    for (const ByteRange& range : ranges) given += range.first <= at && at <= range.last;
    WEIR_CHECK(given == (wanted ? 1 : 0));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  std::uint64_t total = 0;
  for (int i = 0; i < 8; ++i) total = total << 8 | data[i];
  const auto specs = parse_range({reinterpret_cast<const char*>(data) + 8, size - 8});
  if (!specs) return 0;
  for (const std::uint64_t length : {total, total % kSmall}) {
    const auto ranges = resolve_all(*specs, length);
    for (std::size_t a = 0; a < ranges.size(); ++a) {
      WEIR_CHECK(ranges[a].first <= ranges[a].last && ranges[a].last < length);
      for (std::size_t b = 0; b < a; ++b) {
        WEIR_CHECK(ranges[a].first > ranges[b].last + 1 || ranges[b].first > ranges[a].last + 1);
      }
    }
    if (length < kSmall) try_small(*specs, ranges, length);
  }
  return 0;
}
