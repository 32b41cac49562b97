#pragma once
// Why a client's connection ended: one table for log names, metrics and the manual.

#include <cstdint>
#include <string_view>

namespace weir::delivery {

enum class CloseReason : std::uint8_t {
#define WEIR_CLOSE(name, code, is_error, text, advice) k##name,
#include "delivery/close_reasons.def"
#undef WEIR_CLOSE
};

inline constexpr std::size_t kCloseReasons = 0
#define WEIR_CLOSE(name, code, is_error, text, advice) +1
#include "delivery/close_reasons.def"
#undef WEIR_CLOSE
    ;

struct CloseInfo {
  std::string_view name;  // snake_case: "zero_window"
  std::string_view code;  // two letters
  bool is_error;
  std::string_view text;
  std::string_view advice;
};

// Views live for ever. Any thread.
const CloseInfo& info(CloseReason reason);
inline std::string_view name(CloseReason reason) { return info(reason).name; }

}  // namespace weir::delivery
