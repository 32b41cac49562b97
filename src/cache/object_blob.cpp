#include "cache/object_blob.h"

#include <span>

#include "base/hash.h"
#include "cache/blob.h"
#include "store/record.h"

namespace weir::cache {
namespace {

constexpr std::size_t kNameMost = 65'535;  // of a field, bytes: see http/fields.h

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
    if (name.size() > kNameMost) return in.fail();
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
  for (const bool flag :
       {f.must_revalidate, f.no_cache, f.has_etag, f.has_strong_etag, f.has_last_modified}) {
    out.number(static_cast<std::uint8_t>(flag));
  }
}

void read(BlobReader& in, policy::Freshness& f) {
  f.response_time = WallTime(in.seconds());
  f.initial_age = in.seconds();
  f.lifetime = in.seconds();
  f.source = static_cast<policy::LifetimeSource>(in.number<std::uint8_t>());
  f.stale_while_revalidate = in.seconds();
  f.stale_if_error = in.seconds();
  f.keep = in.seconds();
  f.resting_until = WallTime(in.seconds());
  for (bool* flag :
       {&f.must_revalidate, &f.no_cache, &f.has_etag, &f.has_strong_etag, &f.has_last_modified}) {
    *flag = in.flag();
  }
}

// Times and durations that can be reckoned with.
bool sensible(const policy::Freshness& f) {
  constexpr Seconds kMost{Seconds::rep{1} << 40};
  const auto within = [&](Seconds s) { return s >= -kMost && s <= kMost; };
  return within(f.response_time.time_since_epoch()) && within(f.initial_age) &&
         within(f.lifetime) && within(f.stale_while_revalidate) && within(f.stale_if_error) &&
         within(f.keep) && within(f.resting_until.time_since_epoch());
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
  if (!in.done() || !sensible(out.parts.freshness)) return {};
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
