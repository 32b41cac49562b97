#pragma once
// Lines of the access log. On the hit path: a line costs well under a microsecond and allocates
// only while its buffer grows.
//
// JSON: one object a line, keys in the order of log_format.cpp; texts and numbers that are not
// known are left out. Any bytes are safe: valid UTF-8 stays, a byte that is not is written \u00XX.
// Combined: as Apache and nginx, unknown texts are "-", what could break a line is \xXX.

#include <cstddef>
#include <memory>
#include <string_view>

#include "app/config.h"
#include "proxy/access_entry.h"

namespace weir::app {

// Bytes that grow at the end. room(n) makes sure of n more bytes; advance() adds those written.
class LogBuffer {
 public:
  std::string_view view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  void clear() { size_ = 0; }

  char* room(std::size_t n) {
    if (capacity_ - size_ < n) grow(n);
    return data_.get() + size_;
  }
  void advance(const char* end) { size_ = static_cast<std::size_t>(end - data_.get()); }

 private:
  void grow(std::size_t n);

  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// One a writer, never shared: it remembers the text of the last second.
class LineFormat {
 public:
  explicit LineFormat(LogFormat format) : format_(format) {}
  // Appends the line and its end.
  void append(LogBuffer& to, const proxy::AccessEntry& entry);

 private:
  void remember(WallTime second);
  char* json(char* at, const proxy::AccessEntry& entry) const;
  char* combined(char* at, const proxy::AccessEntry& entry) const;

  LogFormat format_;
  WallTime second_ = WallTime::min();
  char time_[32] = {};  // "2026-11-21T20:31:02" or "21/Nov/2026:20:31:02 +0000"
  std::size_t time_size_ = 0;
};

}  // namespace weir::app
