#pragma once
// LogBuffer: bytes of log lines that grow at the end. room(n) makes sure of n more bytes; advance()
// adds those written. One thread at a time.

#include <cstddef>
#include <memory>
#include <string_view>

namespace weir::app {

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

}  // namespace weir::app
