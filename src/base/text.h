#pragma once
// Text: a string of one pointer, for what is nearly always empty or is kept a million times. It
// takes exactly what it needs and grows by copying. Not thread safe; a const Text is for all.

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace weir {

class Text {
 public:
  Text() = default;
  Text(std::string_view text) { append(text); }
  Text(const char* text) : Text(std::string_view(text)) {}
  Text(const std::string& text) : Text(std::string_view(text)) {}
  Text(const Text& other) : Text(other.view()) {}
  Text(Text&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  Text& operator=(Text other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  ~Text() { clear(); }

  std::string_view view() const {
    if (!at_) return {};
    std::uint32_t size = 0;
    std::memcpy(&size, at_, sizeof size);
    return {at_ + sizeof size, size};
  }
  operator std::string_view() const { return view(); }
  bool empty() const { return !at_; }
  std::size_t size() const { return view().size(); }

  void append(std::string_view more) {
    if (more.empty()) return;
    const std::string_view old = view();
    WEIR_CHECK(more.size() < std::numeric_limits<std::uint32_t>::max() - old.size());
    const auto size = static_cast<std::uint32_t>(old.size() + more.size());
    char* const larger = static_cast<char*>(::operator new(sizeof size + size));
    std::memcpy(larger, &size, sizeof size);
    if (!old.empty()) std::memcpy(larger + sizeof size, old.data(), old.size());
    std::memcpy(larger + sizeof size + old.size(), more.data(), more.size());
    clear();
    at_ = larger;
  }
  void clear() { ::operator delete(std::exchange(at_, nullptr)); }

  friend bool operator==(const Text& a, std::string_view b) { return a.view() == b; }

 private:
  char* at_ = nullptr;  // the size, and the characters behind it
};

}  // namespace weir
