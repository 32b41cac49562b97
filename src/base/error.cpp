#include "base/error.h"

#include <array>
#include <system_error>

namespace weir {
namespace {

constexpr std::string_view kCamel[kErrcs] = {
#define WEIR_ERROR(name, side, status, retryable, text, advice) #name,
#include "base/errors.def"
#undef WEIR_ERROR
};

// "OriginCut" -> "origin_cut", once, at start-up.
std::string snake(std::string_view camel) {
  std::string out;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

struct Table {
  std::array<std::string, kErrcs> names;
  std::array<ErrorInfo, kErrcs> rows{{
#define WEIR_ERROR(name, side, status, retryable, text, advice) \
  ErrorInfo{{}, Side::k##side, status, retryable, text, advice},
#include "base/errors.def"
#undef WEIR_ERROR
  }};

  Table() {
    for (std::size_t i = 0; i < names.size(); ++i) rows[i].name = names[i] = snake(kCamel[i]);
  }
};

}  // namespace

const ErrorInfo& info(Errc code) {
  static const Table table;
  return table.rows.at(static_cast<std::size_t>(code));
}

std::string describe(Error e) {
  const ErrorInfo& i = info(e);
  std::string out(i.name);
  out.append(": ").append(i.text);
  if (e.sys != 0) out.append(" (").append(std::generic_category().message(e.sys)).append(")");
  return out;
}

}  // namespace weir
