#include "proxy/glob.h"

#include <algorithm>

namespace weir::proxy {

Glob::Glob(std::string_view pattern) : pattern_(pattern) {
  std::size_t at = 0;
  for (std::size_t star = pattern.find('*'); star != pattern.npos; star = pattern.find('*', at)) {
    exact_ = false;
    pieces_.push_back({at, star - at});
    at = star + 1;
  }
  pieces_.push_back({at, pattern.size() - at});
}

// The first piece must begin the text and the last one end it; each piece between is taken where it
// comes first, which leaves most for those behind it.
bool Glob::matches(std::string_view text) const {
  if (exact_) return text == pattern_;
  const std::string_view first = text_of(pieces_.front());
  const std::string_view last = text_of(pieces_.back());
  if (text.size() < first.size() + last.size() || !text.starts_with(first) ||
      !text.ends_with(last)) {
    return false;
  }
  text = text.substr(first.size(), text.size() - first.size() - last.size());
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const std::string_view piece = text_of(pieces_[i]);
    const std::size_t found = text.find(piece);
    if (found == text.npos) return false;
    text.remove_prefix(found + piece.size());
  }
  return true;
}

bool any_matches(const std::vector<Glob>& globs, std::string_view text) {
  return std::ranges::any_of(globs, [&](const Glob& g) { return g.matches(text); });
}

}  // namespace weir::proxy
