#include "policy/answer.h"

#include <algorithm>

#include "http/date.h"
#include "http/etag.h"
#include "http/print.h"

namespace weir::policy {
namespace {

using http::field_bit;
using http::FieldId;
using http::Fields;

constexpr std::uint64_t kConditions =
    field_bit(FieldId::kIfMatch) | field_bit(FieldId::kIfUnmodifiedSince) |
    field_bit(FieldId::kIfNoneMatch) | field_bit(FieldId::kIfModifiedSince) |
    field_bit(FieldId::kRange);

constexpr std::uint64_t kAboutContent =
    field_bit(FieldId::kContentType) | field_bit(FieldId::kContentEncoding) |
    field_bit(FieldId::kContentLength) | field_bit(FieldId::kContentRange) |
    field_bit(FieldId::kAcceptRanges);
constexpr std::uint64_t kAboutStored =
    kAboutContent | field_bit(FieldId::kETag) | field_bit(FieldId::kLastModified) |
    field_bit(FieldId::kContentLocation) | field_bit(FieldId::kCacheControl) |
    field_bit(FieldId::kExpires) | field_bit(FieldId::kCdnCacheControl) |
    field_bit(FieldId::kWeirCdnCacheControl);

// A date that stands alone and is valid; else the field is ignored (RFC 9110 §13.1.3, §13.1.4).
std::optional<WallTime> single_date(const Fields& fields, FieldId id, WallTime now) {
  return fields.count(id) == 1 ? http::parse_date(*fields.get(id), now) : std::nullopt;
}

std::optional<http::ETag> stored_tag(const http::Response& stored) {
  const auto text = stored.fields.get(FieldId::kETag);
  return text ? http::parse_etag(*text) : std::nullopt;
}

bool any_match(const Fields& fields, FieldId id, std::optional<http::ETag> tag,
               bool (*match)(std::string_view, std::optional<http::ETag>)) {
  if (fields.count(id) == 1) return match(*fields.get(id), tag);
  return match(*fields.joined(id), tag);
}

// §13.2.2, steps 1 to 4: the status that ends it, or 200.
int step_conditions(const Fields& asked, const http::Response& stored, WallTime now) {
  if (asked.has(FieldId::kIfMatch)) {  // 1
    if (!any_match(asked, FieldId::kIfMatch, stored_tag(stored), http::any_strong_match)) {
      return 412;
    }
  } else if (const auto since = single_date(asked, FieldId::kIfUnmodifiedSince, now)) {  // 2
    const auto modified = single_date(stored.fields, FieldId::kLastModified, now);
    if (modified && *modified > *since) return 412;
  }
  if (asked.has(FieldId::kIfNoneMatch)) {  // 3
    if (any_match(asked, FieldId::kIfNoneMatch, stored_tag(stored), http::any_weak_match)) {
      return 304;
    }
  } else if (const auto since = single_date(asked, FieldId::kIfModifiedSince, now)) {  // 4
    const bool dated = stored.fields.has(FieldId::kLastModified);
    const auto changed =
        single_date(stored.fields, dated ? FieldId::kLastModified : FieldId::kDate, now);
    if (changed && *changed <= *since) return 304;
  }
  return 200;
}

// §13.1.5, step 5: does If-Range let the Range count?
bool if_range_holds(const Fields& asked, const http::Response& stored, WallTime now) {
  if (!asked.has(FieldId::kIfRange)) return true;
  if (asked.count(FieldId::kIfRange) != 1) return false;
  if (const auto wanted = http::parse_etag(*asked.get(FieldId::kIfRange))) {
    const auto tag = stored_tag(stored);
    return tag && http::strong_match(*wanted, *tag);
  }
  const auto wanted = single_date(asked, FieldId::kIfRange, now);
  const auto modified = single_date(stored.fields, FieldId::kLastModified, now);
  const auto date = single_date(stored.fields, FieldId::kDate, now);
  return wanted && modified && date && *wanted == *modified && *date - *modified >= Seconds{1};
}

constexpr std::size_t kPartsMost = 16;

// §14.2: the whole, a part, several, or nothing that can be satisfied.
Answer step_range(const Fields& asked, std::uint64_t total) {
  if (asked.count(FieldId::kRange) != 1) return {};
  const auto specs = http::parse_range(*asked.get(FieldId::kRange));
  if (!specs) return {};
  auto ranges = http::resolve_all(*specs, total);
  if (ranges.size() == 1) return {206, ranges.front(), true};
  if (ranges.size() > kPartsMost) return {};
  if (!ranges.empty()) return {206, std::nullopt, true, std::move(ranges)};
  // A suffix of an empty body is satisfiable (§14.1.2), but no Content-Range can say so.
  const bool suffix = std::ranges::any_of(*specs, [](const http::RangeSpec& spec) {
    return !spec.first && spec.last > std::uint64_t{0};
  });
  if (total == 0 && suffix) return {};
  return {416, std::nullopt, false};
}

// The one range that is asked for.
std::optional<http::ByteRange> asked_range(const Fields& asked, std::uint64_t total) {
  if (asked.count(FieldId::kRange) != 1) return std::nullopt;
  const auto specs = http::parse_range(*asked.get(FieldId::kRange));
  if (!specs || specs->size() != 1) return std::nullopt;
  return http::resolve(specs->front(), total);
}

}  // namespace

Answer answer(const http::Request& request, const http::Response& stored,
              std::optional<std::uint64_t> total, WallTime now) {
  const bool head = request.method == http::Method::kHead;
  const Answer whole{stored.status, std::nullopt, !head};
  if ((request.fields.known() & kConditions) == 0 || stored.status != 200) return whole;

  const int status = step_conditions(request.fields, stored, now);
  if (status != 200) return {status, std::nullopt, false};
  const bool ranged = request.fields.has(FieldId::kRange) && request.method == http::Method::kGet &&
                      total && if_range_holds(request.fields, stored, now);
  return ranged ? step_range(request.fields, *total) : whole;
}

Answer answer_part(const http::Request& request, const http::Response& stored,
                   http::ByteRange range, std::uint64_t total, WallTime now) {
  const int status = step_conditions(request.fields, stored, now);
  if (status != 200) return {status, std::nullopt, false};
  return {206, asked_range(request.fields, total).value_or(range), true};
}

bool part_answers(const http::Request& request, const http::Response& stored, http::ByteRange range,
                  std::uint64_t total, WallTime now) {
  if (request.method != http::Method::kGet || !request.fields.has(FieldId::kRange)) return false;
  const auto asked = asked_range(request.fields, total);
  return asked && asked->first >= range.first && asked->last <= range.last &&
         if_range_holds(request.fields, stored, now);
}

Multipart multipart(const std::vector<http::ByteRange>& parts, std::uint64_t total,
                    std::string_view content_type, std::string_view boundary) {
  Multipart out;
  out.content_type.append("multipart/byteranges; boundary=").append(boundary);
  std::string_view line_end;
  for (const http::ByteRange& part : parts) {
    std::string& text = out.texts.emplace_back(line_end);
    text.append("--").append(boundary).append("\r\n");
    if (!content_type.empty()) http::print_field("Content-Type", content_type, text);
    http::print_field("Content-Range", http::print_content_range(part, total), text);
    text.append("\r\n");
    out.length += text.size() + part.size();
    line_end = "\r\n";
  }
  out.texts.emplace_back("\r\n--").append(boundary).append("--\r\n");
  out.length += out.texts.back().size();
  return out;
}

bool goes_with(int status, FieldId field) {
  switch (status) {
    case 304:
      return (kAboutContent & field_bit(field)) == 0;
    case 412:
    case 416:
      return (kAboutStored & field_bit(field)) == 0;
    default:
      return true;
  }
}

}  // namespace weir::policy
