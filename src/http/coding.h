#pragma once
// Content codings that Weir can make (RFC 9110 §8.4.1, RFC 7932).

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http {

enum class Coding : std::uint8_t { kIdentity, kGzip, kBrotli };
inline constexpr std::size_t kCodings = 3;

constexpr std::string_view name(Coding coding) {  // as in Content-Encoding
  switch (coding) {
    case Coding::kIdentity:
      return "identity";
    case Coding::kGzip:
      return "gzip";
    case Coding::kBrotli:
      return "br";
  }
  return {};
}

}  // namespace weir::http
