#include "base/quoted.h"

namespace weir {

std::string quoted(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? '|' : c;
  }
  return out + '"';
}

}  // namespace weir
