#include "base/quoted.h"

#include <doctest/doctest.h>

using weir::quoted;

TEST_CASE("a quoted text is one value on one line, whatever is in it") {
  struct Row {
    const char* text;
    const char* expected;
  };
  for (const Row& row : {
           Row{"", "\"\""},
           Row{"No such file", "\"No such file\""},
           Row{"unit \"parsec\", known", "\"unit \\\"parsec\\\", known\""},
           Row{"a\\b", "\"a\\\\b\""},
           Row{"a\nb\n\n", "\"a|b\""},
       }) {
    CHECK(quoted(row.text) == row.expected);
  }
}
