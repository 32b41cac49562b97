#include "cache/object_blob.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/hash.h"
#include "cache/blob.h"
#include "store/record.h"

namespace weir::cache {
namespace {

// Of a field, bytes: see http/fields.h.
constexpr std::size_t kNameMost = 65'535;
constexpr std::size_t kValueMost = (1u << 24) - 1;

void write(BlobWriter& out, const http::Response& head) {
  out.number(static_cast<std::uint16_t>(head.status));
  out.number(head.version.major);
  out.number(head.version.minor);
  out.text(head.reason);
  out.number(static_cast<std::uint32_t>(head.fields.size()));
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    out.text(head.fields[i].name);
    out.text(head.fields[i].value);
  }
}

void read(BlobReader& in, http::Response& head) {
  head.status = in.number<std::uint16_t>();
  head.version.major = in.number<std::uint8_t>();
  head.version.minor = in.number<std::uint8_t>();
  head.reason = in.text();
  const auto fields = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < fields && in.good(); ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    if (name.size() > kNameMost || value.size() > kValueMost) return in.fail();
    head.fields.add(name, value);
  }
}

void write(BlobWriter& out, const policy::Freshness& f) {
  out.number(static_cast<std::int64_t>(f.response_time.time_since_epoch().count()));
  out.seconds(f.initial_age);
  out.seconds(f.lifetime);
  out.number(static_cast<std::uint8_t>(f.source));
  out.seconds(f.stale_while_revalidate);
  out.seconds(f.stale_if_error);
  out.seconds(f.keep);
  out.seconds(f.resting_until.time_since_epoch());
  for (const bool flag : {bool{f.must_revalidate}, bool{f.no_cache}, bool{f.has_etag},
                          bool{f.has_strong_etag}, bool{f.has_last_modified}}) {
    out.number(static_cast<std::uint8_t>(flag));
  }
}

// A time or duration that can be reckoned with. Some are larger than any that is written today.
policy::Freshness::Span span(BlobReader& in) {
  constexpr Seconds kMost{std::numeric_limits<policy::Freshness::Span::rep>::max()};
  const Seconds s = in.seconds();
  if (s < Seconds{0}) in.fail();
  return std::min(s, kMost);
}

void read(BlobReader& in, policy::Freshness& f) {
  f.response_time = policy::Freshness::Point(span(in));
  f.initial_age = span(in);
  f.lifetime = span(in);
  f.source = static_cast<policy::LifetimeSource>(in.number<std::uint8_t>());
  f.stale_while_revalidate = span(in);
  f.stale_if_error = span(in);
  f.keep = span(in);
  f.resting_until = policy::Freshness::Point(span(in));
  f.must_revalidate = in.flag();
  f.no_cache = in.flag();
  f.has_etag = in.flag();
  f.has_strong_etag = in.flag();
  f.has_last_modified = in.flag();
}

}  // namespace

std::string to_blob(std::string_view key, const Object& object) {
  BlobWriter out;
  out.number(kBlobVersion);
  out.text(key);
  write(out, object.head());
  write(out, object.freshness());
  out.number(static_cast<std::uint32_t>(object.vary_names().size()));
  for (const std::string& name : object.vary_names()) out.text(name);
  out.text(object.variant());
  out.number(static_cast<std::uint8_t>(object.length().has_value()));
  out.number(object.length().value_or(0));
  const Part part = object.part().value_or(Part{});
  out.number(static_cast<std::uint8_t>(object.part().has_value()));
  for (const std::uint64_t n : {part.range.first, part.range.last, part.total}) out.number(n);
  out.text(object.tags());
  out.number(object.mark().born());
  return out.take();
}

std::optional<BlobContent> from_blob(std::string_view blob) {
  BlobReader in(blob);
  if (in.number<std::uint16_t>() != kBlobVersion) return {};
  BlobContent out;
  out.key = in.text();
  read(in, out.parts.head);
  read(in, out.parts.freshness);
  const auto names = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < names && in.good(); ++i) {
    out.parts.vary_names.emplace_back(in.text());
  }
  out.parts.variant = in.text();
  const bool has_length = in.flag();
  const auto length = in.number<std::uint64_t>();
  if (has_length) out.parts.length = length;
  const bool is_part = in.flag();
  Part part;
  for (std::uint64_t* n : {&part.range.first, &part.range.last, &part.total})
    *n = in.number<std::uint64_t>();
  if (is_part) out.parts.part = part;
  out.parts.tags = in.text();
  out.parts.purges = in.number<std::uint64_t>();
  if (!in.done()) return {};
  if (is_part && (part.range.first > part.range.last || part.range.last >= part.total)) return {};
  out.parts.origin_status = out.parts.head.status;
  return out;
}

std::uint64_t variant_name(const Object& object) {
  std::uint64_t name = hash64(object.variant());
  for (const std::string& field : object.vary_names()) name = hash64(field, name);
  if (const auto& part = object.part()) {
    const std::uint64_t numbers[] = {part->range.first, part->range.last, part->total};
    name = hash64(store::as_text(std::as_bytes(std::span(numbers))), name);
  }
  return name;
}

}  // namespace weir::cache
