// Conditions of a ban, one a line, over a fixed object: parsing refuses or makes what matches in
// time.

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "cache/ban.h"
#include "cache/tags.h"

using namespace weir;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  http::Response head;
  head.status = 200;
  head.fields.add("Content-Type", "text/html");
  head.fields.add("X-Tag", "red");
  std::vector<std::string> conditions;
  while (!text.empty() && conditions.size() < 10) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    conditions.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto ban = cache::Ban::parse(conditions);
  if (ban) {
    (*ban)->matches("http://example.org/news/a?b=c", head);
    (*ban)->matches("", http::Response{});
  } else {
    WEIR_CHECK(!ban.error().empty());
  }
  http::Fields fields;
  for (const std::string& line : conditions) fields.add("Cache-Tag", line);
  const cache::Tags tags = cache::tags_of(fields);
  WEIR_CHECK(cache::tag_digests(tags.text).size() == tags.count);
  return 0;
}
