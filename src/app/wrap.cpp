#include "app/wrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace weir::app {

std::string wrapped(std::string_view text, std::string_view lead, std::size_t width) {
  std::string out;
  while (!text.empty()) {
    std::size_t n = text.size();
    if (lead.size() + n > width) n = text.rfind(' ', width - lead.size());
    if (n == text.npos) n = std::min(text.find(' '), text.size());
    fmt::format_to(std::back_inserter(out), "{}{}\n", lead, text.substr(0, n));
    text.remove_prefix(std::min(n + 1, text.size()));
  }
  return out;
}

}  // namespace weir::app
