#pragma once
// VersionText: "HTTP/1.1" and what must follow it, byte by byte (RFC 9112 §2.3).

#include <optional>
#include <string_view>

#include "http/head.h"

namespace weir::http {

class VersionText {
 public:
  // `pattern` is literal, but 0 stands for any digit: "HTTP/0.0\r\n". It must outlive this object.
  explicit VersionText(std::string_view pattern) : pattern_(pattern) {}

  // The number of bytes taken off the front of `in`; nothing when they do not fit.
  std::optional<std::size_t> feed(std::string_view in);
  bool complete() const { return at_ == pattern_.size(); }
  // Once complete. Nothing but for 1.x; a minor version above 1 counts as 1 (RFC 9110 §2.5).
  std::optional<Version> version() const;
  void reset() { at_ = digits_ = 0; }

 private:
  std::string_view pattern_;
  std::size_t at_ = 0;
  std::size_t digits_ = 0;
  std::uint8_t version_[2] = {};
};

}  // namespace weir::http
