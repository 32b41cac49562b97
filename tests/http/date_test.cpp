#include "http/date.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::http;

namespace {

WallTime at(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
  using namespace std::chrono;
  return WallTime{sys_days{year_month_day{std::chrono::year{year}, std::chrono::month{month},
                                          std::chrono::day{day}}}} +
         hours{hour} + minutes{minute} + seconds{second};
}

const WallTime kNow = at(2025, 6, 15, 12);

}  // namespace

TEST_CASE("dates are printed as IMF-fixdate") {
  CHECK(print_date(at(1994, 11, 6, 8, 49, 37)) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(print_date(at(1970, 1, 1)) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(print_date(at(2024, 2, 29, 23, 59, 59)) == "Thu, 29 Feb 2024 23:59:59 GMT");
  CHECK(print_date(at(1901, 12, 13)) == "Fri, 13 Dec 1901 00:00:00 GMT");
  CHECK(print_date(at(9999, 12, 31, 23, 59, 59)) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(print_date(at(10000, 1, 1)) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(print_date(WallTime::max()) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(print_date(WallTime::min()) == "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST_CASE("what is printed is read back") {
  for (WallTime t = at(1969, 12, 30); t < at(2110, 1, 1); t += Seconds{86400 * 13 + 12345}) {
    CHECK(parse_date(print_date(t), kNow) == t);
  }
}

TEST_CASE("the three formats of RFC 9110 section 5.6.7 are read") {
  const WallTime expected = at(1994, 11, 6, 8, 49, 37);
  const struct {
    std::string_view text;
    WallTime time;
  } cases[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", expected},
      {"Sunday, 06-Nov-94 08:49:37 GMT", expected},
      {"Sun Nov  6 08:49:37 1994", expected},
      {"Sun Nov 16 08:49:37 1994", at(1994, 11, 16, 8, 49, 37)},
      {"Sun Nov 06 08:49:37 1994", expected},
      {"Mon, 06 Nov 1994 08:49:37 GMT", expected},  // not a Monday
      {"Sat, 31 Dec 2016 23:59:60 GMT", at(2017, 1, 1)},
      {"Thu, 29 Feb 2024 00:00:00 GMT", at(2024, 2, 29)},
      {"Thu, 01 Jan 1970 00:00:00 GMT", at(1970, 1, 1)},
      {"Mon, 01 Jan 0001 00:00:00 GMT", at(1, 1, 1)},
      {"Fri, 31 Dec 9999 23:59:59 GMT", at(9999, 12, 31, 23, 59, 59)},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(parse_date(c.text, kNow) == c.time);
  }
}

TEST_CASE("two digits of a year mean the past when they would be over 50 years ahead") {
  const struct {
    std::string_view text;
    WallTime now, expected;
  } cases[] = {
      {"Sunday, 06-Nov-94 08:49:37 GMT", kNow, at(1994, 11, 6, 8, 49, 37)},
      {"Sunday, 06-Nov-25 08:49:37 GMT", kNow, at(2025, 11, 6, 8, 49, 37)},
      {"Sunday, 15-Jun-75 12:00:00 GMT", kNow, at(2075, 6, 15, 12)},
      {"Sunday, 15-Jun-75 12:00:01 GMT", kNow, at(1975, 6, 15, 12, 0, 1)},
      {"Sunday, 16-Jun-75 00:00:00 GMT", kNow, at(1975, 6, 16)},
      {"Sunday, 01-Jan-76 00:00:00 GMT", kNow, at(1976, 1, 1)},
      {"Sunday, 01-Jan-00 00:00:00 GMT", kNow, at(2000, 1, 1)},
      {"Sunday, 01-Jan-10 00:00:00 GMT", at(2090, 1, 1), at(2110, 1, 1)},
      {"Sunday, 01-Jan-99 00:00:00 GMT", at(2001, 1, 1), at(1999, 1, 1)},
      {"Sunday, 29-Feb-24 00:00:00 GMT", at(2024, 2, 29), at(2024, 2, 29)},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(parse_date(c.text, c.now) == c.expected);
  }
}

TEST_CASE("the case of letters does not matter to a cache") {  // RFC 9111 §4.2
  for (std::string_view text : {"sun, 06 nov 1994 08:49:37 gmt", "SUN, 06 NOV 1994 08:49:37 GmT",
                                "sunday, 06-NOV-94 08:49:37 GMT", "SUN nov  6 08:49:37 1994"}) {
    CAPTURE(text);
    CHECK(parse_date(text, kNow) == at(1994, 11, 6, 8, 49, 37));
  }
}

TEST_CASE("anything else is no date") {
  for (std::string_view text : {"",
                                "0",
                                "Sun",
                                "Sun,",
                                "Sun, ",
                                "Sunday",
                                "784111777",
                                "-1",
                                "never",
                                "Sun, 06 Nov 1994 08:49:37 UTC",
                                "Sun, 06 Nov 1994 08:49:37 +0000",
                                "Sun, 06 Nov 1994 08:49:37",
                                "Sun, 06 Nov 1994 08:49:37 GMT ",
                                " Sun, 06 Nov 1994 08:49:37 GMT",
                                "Sun,  06 Nov 1994 08:49:37 GMT",
                                "Sun, 6 Nov 1994 08:49:37 GMT",
                                "Sun, 06 Nov 94 08:49:37 GMT",
                                "Sun, 06 Nov 1994 8:49:37 GMT",
                                "Sun, 06 Nov 1994 24:00:00 GMT",
                                "Sun, 06 Nov 1994 08:60:00 GMT",
                                "Sun, 06 Nov 1994 08:49:61 GMT",
                                "Sun, 00 Nov 1994 08:49:37 GMT",
                                "Sun, 31 Nov 1994 08:49:37 GMT",
                                "Sun, 29 Feb 2023 08:49:37 GMT",
                                "Sun, 06 Foo 1994 08:49:37 GMT",
                                "Foo, 06 Nov 1994 08:49:37 GMT",
                                "Sun, 06 Nov 19940 08:49:37 GMT",
                                "Sun, 06 Nov +994 08:49:37 GMT",
                                "Sun, 06-Nov-94 08:49:37 GMT",
                                "Sunday, 06-Nov-1994 08:49:37 GMT",
                                "Sunday, 06 Nov 94 08:49:37 GMT",
                                "Funday, 06-Nov-94 08:49:37 GMT",
                                "Sunday, 31-Feb-94 08:49:37 GMT",
                                "Sun Nov 6 08:49:37 1994",
                                "Sun Nov  6 08:49:37 94",
                                "Sun Nov 66 08:49:37 1994",
                                "Sun Nov  0 08:49:37 1994",
                                "Sun Nov  6 08:49:37 1994 GMT",
                                "Sun Nov   6 08:49:37 1994"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text, kNow));
  }
}
