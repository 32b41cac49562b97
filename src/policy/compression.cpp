#include "policy/compression.h"

#include <algorithm>

#include "http/cache_control.h"
#include "http/etag.h"
#include "http/range.h"
#include "http/syntax.h"
#include "http/weight.h"

namespace weir::policy {
namespace {

using http::Coding;
using http::FieldId;

constexpr std::string_view kEventStream = "text/event-stream";

bool fits(std::string_view type, std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return http::iequals(type, pattern);
  const std::string_view begin = pattern.substr(0, star), end = pattern.substr(star + 1);
  return type.size() >= begin.size() + end.size() &&
         http::iequals(type.substr(0, begin.size()), begin) &&
         http::iequals(type.substr(type.size() - end.size()), end);
}

bool has_content(int status) {
  return status >= 200 && status != 204 && status != 205 && status != 206 && status != 304;
}

std::string_view media_type(const http::Fields& fields) {
  const std::string_view type = fields.get(FieldId::kContentType).value_or("");
  return http::trim(type.substr(0, type.find(';')));
}

// Of one member of Accept-Encoding, in thousandths; nothing when it is malformed.
std::optional<unsigned> weight_of(std::string_view member) {
  const std::size_t semicolon = member.find(';');
  if (semicolon == member.npos) return 1000;
  const std::string_view parameter = http::trim(member.substr(semicolon + 1));
  const bool q = parameter.starts_with("q=") || parameter.starts_with("Q=");
  return q ? http::parse_weight(parameter.substr(2)) : std::nullopt;
}

// The weights that a client gives; nothing: it does not say.
struct Weights {
  std::array<std::optional<unsigned>, http::kCodings> named;  // by Coding
  std::optional<unsigned> others;                             // "*"

  void add(std::string_view member) {
    const std::string_view coding = http::trim(member.substr(0, member.find(';')));
    const auto weight = weight_of(member);
    if (!weight) return;
    for (std::size_t i = 0; i < named.size(); ++i) {
      if (http::iequals(coding, name(static_cast<Coding>(i))) && !named[i]) named[i] = weight;
    }
    const auto gzip = static_cast<std::size_t>(Coding::kGzip);
    if (http::iequals(coding, "x-gzip") && !named[gzip]) named[gzip] = weight;  // §8.4.1.3
    if (coding == "*" && !others) others = weight;
  }
  unsigned of(Coding coding) const {
    const auto& own = named[static_cast<std::size_t>(coding)];
    return own.value_or(coding == Coding::kIdentity ? 0 : others.value_or(0));
  }
};

}  // namespace

const std::vector<std::string>& default_types() {
  static const std::vector<std::string> types = {"text/*",
                                                 "application/json",
                                                 "application/*+json",
                                                 "application/xml",
                                                 "application/*+xml",
                                                 "application/javascript",
                                                 "application/yaml",
                                                 "application/x-ndjson",
                                                 "application/x-javascript",
                                                 "application/wasm",
                                                 "application/geo+json-seq",
                                                 "application/vnd.ms-fontobject",
                                                 "image/svg+xml",
                                                 "image/bmp",
                                                 "image/x-icon",
                                                 "font/ttf",
                                                 "font/otf",
                                                 "image/vnd.microsoft.icon"};
  return types;
}

bool type_fits(std::string_view type, const std::vector<std::string>& patterns) {
  const bool stream = http::iequals(type, kEventStream);
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return fits(type, pattern) && (!stream || pattern.find('*') == pattern.npos);
  });
}

std::string_view name(Compressible verdict) {
  switch (verdict) {
    case Compressible::kYes:
      return "yes";
    case Compressible::kOff:
      return "off";
    case Compressible::kStatus:
      return "status";
    case Compressible::kCoded:
      return "coded";
    case Compressible::kNoTransform:
      return "no_transform";
    case Compressible::kType:
      return "type";
    case Compressible::kSmall:
      return "small";
    case Compressible::kLarge:
      return "large";
  }
  return {};
}

Compressible compressible(const http::Response& response, std::optional<std::uint64_t> length,
                          const CompressionRules& rules) {
  if (!rules.on()) return Compressible::kOff;
  const http::Fields& fields = response.fields;
  if (!has_content(response.status)) return Compressible::kStatus;
  if (fields.has(FieldId::kContentEncoding)) return Compressible::kCoded;
  if (!type_fits(media_type(fields), rules.types ? *rules.types : default_types()))
    return Compressible::kType;
  if (length && *length < rules.min) return Compressible::kSmall;
  if (length && *length > rules.max) return Compressible::kLarge;
  if (fields.has(FieldId::kCacheControl) &&
      http::parse_response_cache_control(fields).no_transform) {
    return Compressible::kNoTransform;
  }
  return Compressible::kYes;
}

Coding negotiate(const http::Fields& request, const CompressionRules& rules) {
  if (!request.has(FieldId::kAcceptEncoding)) return Coding::kIdentity;
  Weights weights;
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request[i].id != FieldId::kAcceptEncoding) continue;
    std::string_view rest = request[i].value;
    while (const auto member = http::next_element(rest)) weights.add(*member);
  }
  Coding best = Coding::kIdentity;
  for (std::size_t i = 0; i < rules.count; ++i) {
    const Coding coding = rules.codings[i];
    const unsigned own = weights.of(coding);
    const bool enough = best == Coding::kIdentity && own >= weights.of(best);
    if (own > 0 && (enough || own > weights.of(best))) best = coding;
  }
  const bool may = best == Coding::kIdentity || !request.has(FieldId::kCacheControl) ||
                   !http::parse_request_cache_control(request).no_transform;
  return may ? best : Coding::kIdentity;
}

void weaken_etag(http::Fields& fields) {
  const auto text = fields.get(FieldId::kETag);
  if (!text) return;
  const auto tag = http::parse_etag(*text);
  if (!tag) return fields.remove(FieldId::kETag);  // it would be said of other bytes
  if (!tag->weak) fields.set(FieldId::kETag, std::string("W/").append(tag->opaque));
}

void describe_coded(Coding coding, http::Fields& fields) {
  fields.set(FieldId::kContentEncoding, name(coding));
  weaken_etag(fields);
  fields.set(FieldId::kAcceptRanges, "none");
  for (const std::string_view digest : {"Content-MD5", "Digest", "Repr-Digest", "Content-Digest"})
    fields.remove(digest);
}

bool names_weakened(const http::Fields& request, const http::Fields& response) {
  const auto text = response.get(FieldId::kETag);
  const auto tag = text ? http::parse_etag(*text) : std::nullopt;
  if (!tag || tag->weak) return false;
  const auto asked = request.joined(FieldId::kIfNoneMatch);
  return asked && asked->find(std::string("W/").append(tag->opaque)) != std::string::npos;
}

bool varies_by_coding(const http::Fields& response) {
  for (std::size_t i = 0; i < response.size(); ++i) {
    if (response[i].id != FieldId::kVary) continue;
    std::string_view rest = response[i].value;
    while (const auto member = http::next_element(rest)) {
      if (*member == "*" || http::iequals(*member, "Accept-Encoding")) return true;
    }
  }
  return false;
}

bool if_range_is_ambiguous(const http::Fields& request) {
  const auto text = request.get(FieldId::kIfRange);
  return text && request.has(FieldId::kRange) && !http::parse_etag(*text);
}

bool is_part_of_compressible(const http::Response& part, std::optional<std::uint64_t> total,
                             const CompressionRules& rules) {
  http::Response whole = part;
  whole.status = 200;
  if (part.status == 206) {
    const auto text = part.fields.get(FieldId::kContentRange);
    const auto range = text ? http::parse_content_range(*text) : std::nullopt;
    if (range) total = range->total;
  }
  // Each of several parts has its own type, which is the one of the whole.
  if (http::iequals(media_type(part.fields), "multipart/byteranges"))
    return rules.on() && !part.fields.has(FieldId::kContentEncoding);
  return compressible(whole, total, rules) == Compressible::kYes;
}

void restore_if_match(http::Fields& request) {
  if (request.has(FieldId::kRange)) return;
  if (const auto list = request.joined(FieldId::kIfMatch))
    request.set(FieldId::kIfMatch, http::strong_twins(*list));
}

}  // namespace weir::policy
