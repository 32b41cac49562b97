#include "delivery/close_reason.h"

#include <array>

#include "base/check.h"

namespace weir::delivery {
namespace {

struct Name {
  std::array<char, 32> text{};
  std::size_t size = 0;
};

// "ZeroWindow" -> "zero_window"
consteval Name snake(std::string_view camel) {
  Name out;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && out.size > 0) out.text[out.size++] = '_';
    out.text[out.size++] = upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

constexpr Name kNames[] = {
#define WEIR_CLOSE(name, code, is_error, text, advice) snake(#name),
#include "delivery/close_reasons.def"
#undef WEIR_CLOSE
};

constexpr std::string_view view(CloseReason reason) {
  const Name& name = kNames[static_cast<std::size_t>(reason)];
  return {name.text.data(), name.size};
}

constexpr CloseInfo kRows[] = {
#define WEIR_CLOSE(name, code, is_error, text, advice) \
  {view(CloseReason::k##name), code, is_error, text, advice},
#include "delivery/close_reasons.def"
#undef WEIR_CLOSE
};
static_assert(std::size(kRows) == kCloseReasons);

}  // namespace

const CloseInfo& info(CloseReason reason) {
  const auto row = static_cast<std::size_t>(reason);
  WEIR_CHECK(row < kCloseReasons);
  return kRows[row];
}

}  // namespace weir::delivery
