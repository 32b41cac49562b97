#pragma once
// Error: small, copyable, with a name for the log. The names are the rows of errors.def.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

enum class Errc : std::uint8_t {
#define WEIR_ERROR(name, side, status, retryable, text, advice) k##name,
#include "base/errors.def"
#undef WEIR_ERROR
};

inline constexpr std::size_t kErrcs = 0
#define WEIR_ERROR(name, side, status, retryable, text, advice) +1
#include "base/errors.def"
#undef WEIR_ERROR
    ;

enum class Side : std::uint8_t { kClient, kOrigin, kUs };

struct ErrorInfo {
  std::string_view name;  // snake_case: "origin_cut"
  Side side;
  int status;  // 0: no answer is possible or wanted
  bool retryable;
  std::string_view text;
  std::string_view advice;
};

struct Error {
  Errc code = Errc::kSystem;
  int sys = 0;  // errno, or 0

  friend bool operator==(const Error&, const Error&) = default;
};

// Views live for ever. Any thread.
const ErrorInfo& info(Errc code);
inline const ErrorInfo& info(Error e) { return info(e.code); }
// "origin_reset: the origin reset the connection (Connection reset by peer)"
std::string describe(Error e);

}  // namespace weir
