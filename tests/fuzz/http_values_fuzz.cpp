// Dates, ranges, entity tags, authorities and Cache-Control: no input breaks them, and what is
// printed is read back.

#include "http/authority.h"
#include "http/cache_control.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/range.h"
#include "http_input.h"

using namespace weir;
using namespace weir::http;

namespace {

const WallTime kNow{Seconds{1'750'000'000}};

void try_date(std::string_view text) {
  const auto time = parse_date(text, kNow);
  if (time)
    WEIR_CHECK(parse_date(print_date(*time), kNow) ==
               std::min(*time, WallTime{Seconds{253402300799}}));
}

void try_range(std::string_view text, std::uint64_t total) {
  if (const auto specs = parse_range(text)) {
    WEIR_CHECK(!specs->empty() && specs->size() <= 64);
    for (const RangeSpec& spec : *specs) {
      const auto range = resolve(spec, total);
      WEIR_CHECK(!range || (range->first <= range->last && range->last < total));
    }
  }
  const auto content = parse_content_range(text);
  if (!content || !content->total) return;
  const std::string printed = content->range ? print_content_range(*content->range, *content->total)
                                             : print_content_range_unsatisfied(*content->total);
  const auto again = parse_content_range(printed);
  WEIR_CHECK(again && again->range == content->range && again->total == content->total);
}

void try_authority(std::string_view text) {
  std::string once;
  std::string twice;
  if (!parse_authority(text, Port::kOptional, once)) return;
  WEIR_CHECK(parse_authority(once, Port::kOptional, twice) && once == twice);
}

void try_etag(std::string_view text) {
  const auto tag = parse_etag(text);
  if (!tag) return;
  WEIR_CHECK(any_weak_match(text, tag));
  WEIR_CHECK(any_strong_match(text, tag) == !tag->weak);
}

void try_cache_control(std::string_view text) {
  Fields once;
  once.add(FieldId::kCacheControl, text);
  Fields twice = once;
  twice.add(FieldId::kCacheControl, text);
  const CacheControl a = parse_response_cache_control(once);
  const CacheControl b = parse_response_cache_control(twice);
  WEIR_CHECK(a.max_age == b.max_age && a.s_maxage == b.s_maxage && a.no_store == b.no_store &&
             a.no_cache == b.no_cache && a.is_private == b.is_private);
  const CacheControl request = parse_request_cache_control(once);
  WEIR_CHECK(!request.max_age || *request.max_age <= Seconds{std::int64_t{1} << 31});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_date(text);
  try_range(text, size == 0 ? 0 : data[0]);
  try_authority(text);
  try_etag(text);
  try_cache_control(text);
  any_weak_match(text, ETag{.opaque = "\"a\"", .weak = false});
  return 0;
}
