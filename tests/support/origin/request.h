#pragma once
// A request as weir-origin reads it: strict, so that what Weir sends upstream is checked on the
// way.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "support/origin/script.h"

namespace weir::test::origin {

struct Request {
  std::string method;
  std::string target;
  std::vector<Field> fields;
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool version_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;

  const std::string* find(std::string_view name) const;  // the first of that name, or null
  bool has_body() const { return chunked || content_length > 0; }
  // "GET /x HTTP/1.1\nHost: a\n...", for people and tests.
  std::string text() const;
};

// `head` runs from the request line through the empty line. The error says what is wrong with it.
std::expected<Request, std::string> parse_request(std::string_view head);

}  // namespace weir::test::origin
