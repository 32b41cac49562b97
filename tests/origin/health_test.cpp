#include "origin/health.h"

#include <doctest/doctest.h>

#include <string>

namespace weir::origin {
namespace {

using namespace std::chrono_literals;

}  // namespace

TEST_CASE("a server goes down after `fall` failures in a row and up after `rise` passes in a row") {
  struct Row {
    std::uint32_t rise, fall;
    std::string checks;  // + passed, - failed
    std::string states;  // after each: U up, D down
  };
  const Row rows[] = {
      {1, 1, "+-+-", "UDUD"},
      {2, 3, "--+---", "UUUUUD"},
      {2, 3, "---+-++", "UUDDDDU"},
      {3, 2, "--++-+++", "UDDDDDDU"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.checks);
    Health health(row.rise, row.fall);
    std::string states;
    for (const char check : row.checks) {
      const bool before = health.up();
      const bool changed = health.note(check == '+');
      CHECK(changed == (before != health.up()));
      states += health.up() ? 'U' : 'D';
    }
    CHECK(states == row.states);
  }
}

TEST_CASE("an expected status is a number or a range") {
  CHECK(parse_status_range("200-399") == StatusRange{200, 399});
  CHECK(parse_status_range("204") == StatusRange{204, 204});
  CHECK(parse_status_range("599-599") == StatusRange{599, 599});
  for (const char* text : {"", "-", "200-", "-200", "99", "600", "2000", "399-200", "200-399-400",
                           "200 - 399", "2xx", "200,204", "+20"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_status_range(text));
  }
  CHECK(StatusRange{200, 399}.has(200));
  CHECK(StatusRange{200, 399}.has(399));
  CHECK_FALSE(StatusRange{200, 399}.has(400));
}

TEST_CASE("jitter is a tenth either way") {
  CHECK(with_jitter(10s, 0) == 9s);
  CHECK(with_jitter(10s, 0xffffffff) > 10990ms);
  CHECK(with_jitter(10s, 0xffffffff) <= 11s);
  CHECK(with_jitter(24h, 0xffffffff) <= 24h + 144min);
}

}  // namespace weir::origin
