#include "cache/tags.h"

#include <algorithm>

namespace weir::cache {
namespace {

using http::FieldId;

template <class F>
void each_word(std::string_view text, std::string_view separators, F&& f) {
  for (std::size_t at = text.find_first_not_of(separators); at != text.npos;
       at = text.find_first_not_of(separators, at)) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    f(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace

Tags tags_of(const http::Fields& fields) {
  constexpr auto kFields =
      http::field_bit(FieldId::kSurrogateKey) | http::field_bit(FieldId::kCacheTag);
  Tags out;
  if ((fields.known() & kFields) == 0) return out;
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const http::Field field = fields[i];
    if ((http::field_bit(field.id) & kFields) == 0) continue;
    each_word(field.value, field.id == FieldId::kCacheTag ? ", \t" : " \t",
              [&](std::string_view word) { words.push_back(word); });
  }
  std::ranges::sort(words);
  const auto twice = std::ranges::unique(words);
  words.erase(twice.begin(), twice.end());
  out.count = words.size();
  for (const std::string_view word : words) {
    out.text.append(out.text.empty() ? "" : " ").append(word);
  }
  return out;
}

void remove_tags(http::Fields& fields) {
  fields.remove(FieldId::kSurrogateKey);
  fields.remove(FieldId::kCacheTag);
}

std::size_t count_tags(std::string_view text) {
  if (text.empty()) return 0;
  return static_cast<std::size_t>(std::ranges::count(text, ' ')) + 1;
}

std::vector<Digest> tag_digests(std::string_view text) {
  std::vector<Digest> out;
  each_word(text, " ", [&](std::string_view word) { out.push_back(digest(word)); });
  return out;
}

Digest url_tag(std::string_view url) { return digest(std::string("url ").append(url)); }

}  // namespace weir::cache
