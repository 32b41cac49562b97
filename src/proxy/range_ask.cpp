#include "proxy/range_ask.h"

#include <fmt/format.h>

#include <limits>

#include "body/chunk.h"

namespace weir::proxy {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::uint64_t floor_chunk(std::uint64_t at) { return at - at % body::kChunkSize; }

std::uint64_t last_of_chunk(std::uint64_t at) {
  const std::uint64_t base = floor_chunk(at);
  return base > kMost - body::kChunkSize ? kMost : base + body::kChunkSize - 1;
}

}  // namespace

std::optional<http::RangeSpec> range_to_ask(const http::Request& request) {
  if (request.method != http::Method::kGet) return {};
  const auto text = request.fields.get(http::FieldId::kRange);
  const auto specs = text ? http::parse_range(*text) : std::nullopt;
  if (!specs || specs->size() != 1) return {};
  http::RangeSpec spec = specs->front();
  if (!spec.first) {  // the total is not known: a chunk more, to have a chunk's begin in it
    const std::uint64_t n = spec.last.value_or(0);
    spec.last = n > kMost - body::kChunkSize ? kMost : n + body::kChunkSize;
    return spec;
  }
  spec.first = floor_chunk(*spec.first);
  if (spec.last) spec.last = last_of_chunk(*spec.last);
  if (spec.first == 0 && (!spec.last || *spec.last == kMost)) return {};
  return spec;
}

std::string print_range(const http::RangeSpec& spec) {
  std::string out = "bytes=";
  if (spec.first) out += std::to_string(*spec.first);
  out += '-';
  if (spec.last) out += std::to_string(*spec.last);
  return out;
}

bool answers(const http::RangeSpec& asked, const http::ContentRange& part) {
  if (!part.range || !part.total || part.range->last >= *part.total) return false;
  if (!asked.first) return part.range->last + 1 == *part.total;
  return part.range->first <= *asked.first && part.range->last >= *asked.first;
}

}  // namespace weir::proxy
