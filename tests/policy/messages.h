#pragma once
// Heads for the tests of this room, written as lists of fields.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "http/date.h"
#include "http/head.h"

namespace weir::policy {

using FieldList = std::vector<std::pair<std::string_view, std::string_view>>;

// Sun, 06 Nov 1994 08:49:37 GMT: when the tests take place.
inline constexpr WallTime kNow{Seconds{784111777}};

inline http::Request get(const FieldList& fields) {
  http::Request r;
  r.method_text = "GET";
  r.target = "/";
  r.authority = "example.org";
  for (const auto& [name, value] : fields) r.fields.add(name, value);
  return r;
}

inline http::Request request(http::Method method, const FieldList& fields) {
  http::Request r = get(fields);
  r.method = method;
  return r;
}

inline http::Response response(int status, const FieldList& fields) {
  http::Response r;
  r.status = status;
  for (const auto& [name, value] : fields) r.fields.add(name, value);
  return r;
}

inline std::string date(long offset) { return http::print_date(kNow + Seconds{offset}); }

}  // namespace weir::policy
