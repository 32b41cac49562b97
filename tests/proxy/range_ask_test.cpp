#include "proxy/range_ask.h"

#include <doctest/doctest.h>

#include <string>

namespace weir::proxy {
namespace {

http::Request get(std::string_view range) {
  http::Request request;
  request.method = http::Method::kGet;
  if (!range.empty()) request.fields.add(http::FieldId::kRange, range);
  return request;
}

TEST_CASE("a range is asked for in whole chunks") {
  struct Case {
    const char* wanted;
    const char* asked;  // "": all of it
  };
  const Case cases[] = {
      {"", ""},
      {"bytes=0-", ""},
      {"bytes=0-0", "bytes=0-1048575"},
      {"bytes=1048575-1048576", "bytes=0-2097151"},
      {"bytes=1048576-1048577", "bytes=1048576-2097151"},
      {"bytes=5000000-", "bytes=4194304-"},
      {"bytes=-1", "bytes=-1048577"},
      {"bytes=-0", "bytes=-1048576"},
      {"bytes=-18446744073709551615", "bytes=-18446744073709551615"},
      {"bytes=0-18446744073709551615", ""},
      {"bytes=1-2,5-6", ""},  // several: all of it, the answer is made here
      {"bytes=5-2", ""},
      {"lines=1-2", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.wanted);
    const auto spec = range_to_ask(get(c.wanted));
    CHECK((spec ? print_range(*spec) : "") == c.asked);
  }
  http::Request head = get("bytes=0-0");
  head.method = http::Method::kHead;
  CHECK_FALSE(range_to_ask(head));
}

TEST_CASE("a 206 answers if its bytes can be placed and begin where they are wanted") {
  struct Case {
    const char* what;
    http::RangeSpec asked;
    const char* content_range;
    bool good;
  };
  const http::RangeSpec middle{1048576, 2097151};
  const http::RangeSpec tail{std::nullopt, 1048577};
  const Case cases[] = {
      {"as asked", middle, "bytes 1048576-2097151/9000000", true},
      {"shorter", middle, "bytes 1048576-1500000/9000000", true},
      {"more than asked", middle, "bytes 0-8999999/9000000", true},
      {"another part", middle, "bytes 2097152-3000000/9000000", false},
      {"a part before", middle, "bytes 0-1048575/9000000", false},
      {"unknown total", middle, "bytes 1048576-2097151/*", false},
      {"no range", middle, "bytes */9000000", false},
      {"a tail", tail, "bytes 7951423-8999999/9000000", true},
      {"a tail that is none", tail, "bytes 7951423-8000000/9000000", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const auto part = http::parse_content_range(c.content_range);
    REQUIRE(part);
    CHECK(answers(c.asked, *part) == c.good);
  }
}

}  // namespace
}  // namespace weir::proxy
