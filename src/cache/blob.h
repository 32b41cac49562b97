#pragma once
// Numbers and texts as bytes, one after the other, little-endian: what cache/ keeps on disk.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/hash.h"
#include "base/time.h"

namespace weir::cache {

class BlobWriter {
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
  void digest(const Digest& value) {
    number(value.high);
    number(value.low);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Any bytes are safe: what is not there reads as 0 or empty, and good() is false from then on.
class BlobReader {
 public:
  explicit BlobReader(std::string_view bytes) : left_(bytes) {}

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
  Digest digest() {
    const auto high = number<std::uint64_t>();
    return {high, number<std::uint64_t>()};
  }
  void fail() { good_ = false; }
  bool good() const { return good_; }
  bool done() const { return good_ && left_.empty(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

}  // namespace weir::cache
