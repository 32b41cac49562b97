#include "cache/object_blob.h"

#include <cstring>
#include <type_traits>

#include "base/hash.h"

namespace weir::cache {
namespace {

class Writer {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T> &&(!std::is_pointer_v<T>)void number(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
  }
  void seconds(Seconds value) { number(static_cast<std::int64_t>(value.count())); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <class T>
  T number() {
    T value{};
    if (left_.size() < sizeof value) {
      good_ = false;
      left_ = {};
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }
  bool flag() { return number<std::uint8_t>() != 0; }
  std::string_view text() {
    const auto n = number<std::uint32_t>();
    if (n > left_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view value = left_.substr(0, n);
    left_.remove_prefix(n);
    return value;
  }
  Seconds seconds() { return Seconds(number<std::int64_t>()); }
  bool good() const { return good_; }
  bool done() const { return good_ && left_.empty(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

void write(Writer& out, const http::Response& head) {
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

void read(Reader& in, http::Response& head) {
  head.status = in.number<std::uint16_t>();
  head.version.major = in.number<std::uint8_t>();
  head.version.minor = in.number<std::uint8_t>();
  head.reason = in.text();
  const auto fields = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < fields && in.good(); ++i) {
    const std::string_view name = in.text();
    head.fields.add(name, in.text());
  }
}

void write(Writer& out, const policy::Freshness& f) {
  out.number(static_cast<std::int64_t>(f.response_time.time_since_epoch().count()));
  out.seconds(f.initial_age);
  out.seconds(f.lifetime);
  out.number(static_cast<std::uint8_t>(f.source));
  out.seconds(f.stale_while_revalidate);
  out.seconds(f.stale_if_error);
  for (const bool flag :
       {f.must_revalidate, f.no_cache, f.has_etag, f.has_strong_etag, f.has_last_modified}) {
    out.number(static_cast<std::uint8_t>(flag));
  }
}

void read(Reader& in, policy::Freshness& f) {
  f.response_time = WallTime(in.seconds());
  f.initial_age = in.seconds();
  f.lifetime = in.seconds();
  f.source = static_cast<policy::LifetimeSource>(in.number<std::uint8_t>());
  f.stale_while_revalidate = in.seconds();
  f.stale_if_error = in.seconds();
  for (bool* flag :
       {&f.must_revalidate, &f.no_cache, &f.has_etag, &f.has_strong_etag, &f.has_last_modified}) {
    *flag = in.flag();
  }
}

}  // namespace

std::string to_blob(std::string_view key, const Object& object) {
  Writer out;
  out.number(kBlobVersion);
  out.text(key);
  write(out, object.head());
  write(out, object.freshness());
  out.number(static_cast<std::uint32_t>(object.vary_names().size()));
  for (const std::string& name : object.vary_names()) out.text(name);
  out.text(object.variant());
  out.number(static_cast<std::uint8_t>(object.length().has_value()));
  out.number(object.length().value_or(0));
  return out.take();
}

std::optional<BlobContent> from_blob(std::string_view blob) {
  Reader in(blob);
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
  if (!in.done()) return {};
  out.parts.origin_status = out.parts.head.status;
  return out;
}

std::uint64_t variant_name(const Object& object) {
  std::uint64_t name = hash64(object.variant());
  for (const std::string& field : object.vary_names()) name = hash64(field, name);
  return name;
}

}  // namespace weir::cache
