#include "http/range.h"

#include <doctest/doctest.h>

#include <limits>

using namespace weir::http;

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
using Specs = std::vector<RangeSpec>;

}  // namespace

TEST_CASE("ranges are read as RFC 9110 section 14.1.2 writes them") {
  const struct {
    std::string_view value;
    Specs specs;
  } cases[] = {
      {"bytes=0-499", {{0, 499}}},
      {"bytes=500-", {{500, {}}}},
      {"bytes=-500", {{{}, 500}}},
      {"bytes=-0", {{{}, 0}}},
      {"Bytes=0-0", {{0, 0}}},
      {"bytes=0-0,-1", {{0, 0}, {{}, 1}}},
      {"bytes=1-2 ,\t3-4,,5-", {{1, 2}, {3, 4}, {5, {}}}},
      {"bytes=,0-1,", {{0, 1}}},
      {"bytes=007-0010", {{7, 10}}},
      {"bytes=0-18446744073709551615", {{0, kMax}}},
      {"bytes=0-99999999999999999999999", {{0, kMax}}},
      {"bytes=99999999999999999999999-", {{kMax, {}}}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.value);
    CHECK(parse_range(c.value) == c.specs);
  }
}

TEST_CASE("malformed ranges and other units are ignored") {
  for (std::string_view value : {"",
                                 "bytes",
                                 "bytes=",
                                 "bytes=,",
                                 "bytes= ",
                                 "bytes= 0-1",
                                 "bytes =0-1",
                                 " bytes=0-1",
                                 "byte=0-1",
                                 "items=0-1",
                                 "bytes=-",
                                 "bytes=--1",
                                 "bytes=1--2",
                                 "bytes=2-1",
                                 "bytes=a-1",
                                 "bytes=1-a",
                                 "bytes=1",
                                 "bytes=1 - 2",
                                 "bytes=1- 2",
                                 "bytes=+1-2",
                                 "bytes=0x1-2",
                                 "bytes=0-1;2-3",
                                 "bytes=0-1,x",
                                 "bytes=0-1,3-2",
                                 "bytes=\"0-1\"",
                                 "bytes:0-1",
                                 "bytes=0-1-2"}) {
    CAPTURE(value);
    CHECK_FALSE(parse_range(value));
  }
}

TEST_CASE("more than 64 ranges are none") {
  std::string value = "bytes=0-0";
  for (int i = 1; i < 64; ++i) value += ",0-0";
  REQUIRE(parse_range(value));
  CHECK(parse_range(value)->size() == 64);
  CHECK_FALSE(parse_range(value + ",0-0"));
}

TEST_CASE("resolving agrees with trying every byte") {
  std::vector<std::optional<std::uint64_t>> ends = {std::nullopt, kMax - 1, kMax};
  for (std::uint64_t i = 0; i < 9; ++i) ends.push_back(i);
  for (std::uint64_t total = 0; total < 7; ++total) {
    for (const auto& first : ends) {
      for (const auto& last : ends) {
        if ((!first && !last) || (first && last && *first > *last)) continue;
        std::optional<ByteRange> expected;
        for (std::uint64_t byte = 0; byte < total; ++byte) {
          const bool in = first ? byte >= *first && (!last || byte <= *last)
                                : total - byte <= *last;  // among the last `last` bytes
          if (!in) continue;
          if (!expected) expected = ByteRange{byte, byte};
          expected->last = byte;
        }
        CAPTURE(total);
        CHECK(resolve({first, last}, total) == expected);
      }
    }
  }
}

TEST_CASE("resolving does not overflow") {
  CHECK(resolve({0, kMax}, kMax) == ByteRange{0, kMax - 1});
  CHECK(resolve({std::nullopt, kMax}, kMax) == ByteRange{0, kMax - 1});
  CHECK(resolve({kMax - 1, std::nullopt}, kMax) == ByteRange{kMax - 1, kMax - 1});
  CHECK_FALSE(resolve({kMax, kMax}, kMax));
}

TEST_CASE("Content-Range is read and printed") {
  const auto whole = parse_content_range("bytes 0-9/100");
  REQUIRE(whole);
  CHECK(whole->range == ByteRange{0, 9});
  CHECK(whole->total == 100);
  const auto unknown = parse_content_range("Bytes 5-5/*");
  REQUIRE(unknown);
  CHECK(unknown->range == ByteRange{5, 5});
  CHECK_FALSE(unknown->total);
  const auto unsatisfied = parse_content_range("bytes */7");
  REQUIRE(unsatisfied);
  CHECK_FALSE(unsatisfied->range);
  CHECK(unsatisfied->total == 7);
  CHECK(print_content_range({0, 9}, 100) == "bytes 0-9/100");
  CHECK(print_content_range_unsatisfied(7) == "bytes */7");
}

TEST_CASE("invalid Content-Range values are refused, RFC 9110 section 14.4") {
  for (std::string_view value : {"",
                                 "bytes",
                                 "bytes ",
                                 "bytes 0-9",
                                 "bytes 0-9/",
                                 "bytes /9",
                                 "bytes */*",
                                 "bytes 9-0/10",
                                 "bytes 0-9/9",
                                 "bytes 0-10/10",
                                 "bytes 5/10",
                                 "bytes -5/10",
                                 "bytes 5-/10",
                                 "bytes=0-9/10",
                                 "bytes  0-9/10",
                                 "bytes 0 - 9/10",
                                 "bytes 0-9 /10",
                                 "bytes 0-9/10 ",
                                 "items 0-9/10",
                                 "bytes 0-9/x",
                                 "bytes 0-18446744073709551616/*",
                                 "bytes 0-9/18446744073709551616",
                                 "bytes */18446744073709551616"}) {
    CAPTURE(value);
    CHECK_FALSE(parse_content_range(value));
  }
}

TEST_CASE("ranges that overlap or touch become one, where the first of them stood") {
  const struct {
    std::string_view value;
    std::vector<ByteRange> ranges;
  } cases[] = {
      // RFC 9110 §15.3.7.2, of 100 bytes
      {"bytes=0-9", {{0, 9}}},
      {"bytes=0-9,20-29", {{0, 9}, {20, 29}}},
      {"bytes=20-29,0-9", {{20, 29}, {0, 9}}},
      {"bytes=0-9,10-19", {{0, 19}}},
      {"bytes=0-9,11-19", {{0, 9}, {11, 19}}},
      {"bytes=0-9,5-14,12-20", {{0, 20}}},
      {"bytes=0-9,20-29,8-21", {{0, 29}}},
      {"bytes=50-59,0-9,40-49,90-,60-60", {{40, 60}, {0, 9}, {90, 99}}},
      {"bytes=0-,1-,2-", {{0, 99}}},
      {"bytes=-10,0-4", {{90, 99}, {0, 4}}},
      {"bytes=200-300,0-4", {{0, 4}}},
      {"bytes=200-,-0", {}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.value);
    CHECK(resolve_all(*parse_range(c.value), 100) == c.ranges);
  }
  CHECK(resolve_all({{0, {}}}, 0).empty());
  CHECK(resolve_all({{kMax - 2, kMax}, {0, 0}}, kMax) ==
        std::vector<ByteRange>{{kMax - 2, kMax - 1}, {0, 0}});
}
