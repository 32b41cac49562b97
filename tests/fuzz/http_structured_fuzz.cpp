// Dictionaries and targeted directives: no input breaks them, keys are unique, numbers bounded, and
// what is one line is the same as the same text in two.

#include <algorithm>

#include "base/check.h"
#include "http/cache_control.h"
#include "http/structured.h"
#include "http_input.h"

using namespace weir;
using namespace weir::http;

namespace {

constexpr Seconds kMost{std::int64_t{1} << 31};

void try_dictionary(std::string_view text) {
  const auto members = parse_dictionary(text);
  if (!members) return;
  WEIR_CHECK(members->size() <= 1024);
  for (const StructuredMember& member : *members) {
    WEIR_CHECK(!member.key.empty());
    WEIR_CHECK(std::ranges::count(*members, member.key, &StructuredMember::key) == 1);
    WEIR_CHECK(std::abs(member.value.integer) < 1'000'000'000'000'000);
  }
  WEIR_CHECK(!parse_dictionary(std::string(text) + ",").has_value() || members->empty());
}

void try_targeted(std::string_view text) {
  Fields fields;
  fields.add(FieldId::kCdnCacheControl, text);
  const auto cc = parse_targeted_cache_control(fields, "cdn-cache-control");
  if (!cc) return;
  for (const auto& time :
       {cc->max_age, cc->s_maxage, cc->stale_while_revalidate, cc->stale_if_error}) {
    WEIR_CHECK(!time || (*time >= Seconds{0} && *time <= kMost));
  }
  fields.add(FieldId::kCdnCacheControl, "no-store");
  const auto more = parse_targeted_cache_control(fields, "CDN-Cache-Control");
  WEIR_CHECK(more && more->no_store && more->max_age == cc->max_age);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_dictionary(text);
  try_targeted(text);
  return 0;
}
