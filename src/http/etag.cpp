#include "http/etag.h"

#include <algorithm>

#include "http/syntax.h"

namespace weir::http {
namespace {

bool is_etag_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

// Takes the entity tag at the front of `text` away; a backslash in it is nothing special. Takes
// nothing when there is none.
std::optional<ETag> take_etag(std::string_view& text) {
  const std::size_t open = text.starts_with("W/") ? 2 : 0;
  if (open >= text.size() || text[open] != '"') return std::nullopt;
  std::size_t close = open + 1;
  while (close < text.size() && is_etag_char(text[close])) ++close;
  if (close >= text.size() || text[close] != '"') return std::nullopt;
  const ETag tag{text.substr(open, close + 1 - open), open != 0};
  text.remove_prefix(close + 1);
  return tag;
}

template <class Match>
bool any_match(std::string_view list, const std::optional<ETag>& stored, Match match) {
  list = trim(list);
  if (list == "*") return true;
  while (stored && !list.empty()) {
    const auto tag = take_etag(list);
    const std::size_t end = std::min(list.find(','), list.size());
    if (tag && trim(list.substr(0, end)).empty() && match(*tag, *stored)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
    list = trim(list);
  }
  return false;
}

}  // namespace

std::optional<ETag> parse_etag(std::string_view text) {
  const auto tag = take_etag(text);
  return text.empty() ? tag : std::nullopt;
}

bool strong_match(const ETag& a, const ETag& b) {
  return !a.weak && !b.weak && a.opaque == b.opaque;
}

bool weak_match(const ETag& a, const ETag& b) { return a.opaque == b.opaque; }

bool any_weak_match(std::string_view list, std::optional<ETag> stored) {
  return any_match(list, stored, weak_match);
}

bool any_strong_match(std::string_view list, std::optional<ETag> stored) {
  return any_match(list, stored, strong_match);
}

std::string strong_twins(std::string_view list) {
  std::string out;
  bool quoted = false;
  while (!list.empty()) {
    if (!quoted && list.starts_with("W/\"")) list.remove_prefix(2);
    quoted = quoted != (list.front() == '"');
    out += list.front();
    list.remove_prefix(1);
  }
  return out;
}

}  // namespace weir::http
