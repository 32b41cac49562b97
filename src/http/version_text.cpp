#include "http/version_text.h"

#include "http/syntax.h"

namespace weir::http {

std::optional<std::size_t> VersionText::feed(std::string_view in) {
  std::size_t used = 0;
  for (; used < in.size() && !complete(); ++used, ++at_) {
    const char c = in[used];
    if (pattern_[at_] != '0') {
      if (c != pattern_[at_]) return std::nullopt;
    } else {
      if (!is_digit(c)) return std::nullopt;
      version_[digits_++] = static_cast<std::uint8_t>(c - '0');
    }
  }
  return used;
}

std::optional<Version> VersionText::version() const {
  if (version_[0] != 1) return std::nullopt;
  return version_[1] == 0 ? kHttp10 : kHttp11;
}

}  // namespace weir::http
