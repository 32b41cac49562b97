#pragma once
// Tags: what an origin calls a response, for purging: the words of Surrogate-Key, and those of
// Cache-Tag, which may have commas between them as well. Spelled exactly so, case included.

#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "http/fields.h"

namespace weir::cache {

// Of one response. More cannot be kept track of, so such a response is not kept.
inline constexpr std::size_t kTagsMost = 1000;
// What a tag costs beside its text: its share of the index. Bytes.
inline constexpr std::size_t kTagBytes = 128;

struct Tags {
  std::string text;  // each once, with single spaces between
  std::size_t count = 0;

  bool too_many() const { return count > kTagsMost; }
};

Tags tags_of(const http::Fields& fields);
std::size_t count_tags(std::string_view text);  // of such a text
void remove_tags(http::Fields& fields);
// Of each word of such a text.
std::vector<Digest> tag_digests(std::string_view text);
// Under which objects with key parts stand as well, so that a purge of their URL finds them. No tag
// of a response is the same: it has a space.
Digest url_tag(std::string_view url);

}  // namespace weir::cache
