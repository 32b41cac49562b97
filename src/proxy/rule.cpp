#include "proxy/rule.h"

#include "http/syntax.h"

namespace weir::proxy {
namespace {

bool named(const std::vector<Glob>& names, std::string_view name) {
  thread_local std::string lower;
  lower.clear();
  for (const char c : name) lower.push_back(http::to_lower(c));
  return any_matches(names, lower);
}

}  // namespace

void edit(http::Fields& fields, const FieldEdits& edits) {
  if (!edits.remove.empty()) {
    for (std::size_t i = 0; i < fields.size();) {
      const std::size_t before = fields.size();
      if (named(edits.remove, fields[i].name)) fields.remove(fields[i].name);
      if (fields.size() == before) ++i;
    }
  }
  for (const FieldLine& line : edits.set) {
    fields.remove(line.name);
    fields.add(line.name, line.value);
  }
}

bool Rule::splits_key() const {
  if (fields.empty()) return false;
  const bool asks_otherwise = !request.empty() || !strip_cookies.empty() || !query_strip.empty();
  const bool keeps_otherwise =
      !origin.empty() || set_cookie || ttl || negative_ttl || grace || keep;
  return asks_otherwise || keeps_otherwise || last;  // `last`: what later rules would change
}

}  // namespace weir::proxy
