#include "app/conf_text.h"

#include <doctest/doctest.h>

namespace weir::app {
namespace {

TEST_CASE("a message shows its line, a caret below its place, and the hint") {
  const ConfText text("a.conf", "one = 1\n\ttwo = \"x\"\r\nthree");
  CHECK(text.show({{1, 7, 1}, "wrong", ""}, "error") ==
        "a.conf:1:7: error: wrong\n"
        "    one = 1\n"
        "          ^\n");
  CHECK(text.show({{2, 8, 3}, "wrong", "did you mean \"y\"?"}, "error") ==
        "a.conf:2:8: error: wrong\n"
        "    \ttwo = \"x\"\n"
        "    \t      ^~~\n"
        "did you mean \"y\"?\n");
  CHECK(text.show({{3, 1, 5}, "odd", ""}, "warning") ==
        "a.conf:3:1: warning: odd\n    three\n    ^~~~~\n");
}

TEST_CASE("columns are code points and control bytes are not shown") {
  const ConfText text("u", "k = \"\xc3\xa4\xc3\xa4\" \x1b[2J");
  CHECK(text.show({{1, 9, 2}, "w", ""}, "error") ==
        "u:1:9: error: w\n    k = \"\xc3\xa4\xc3\xa4\" ?[2J\n            ^~\n");
}

TEST_CASE("what a message quotes of the conf cannot steer the terminal") {
  const ConfText text("u", "");
  CHECK(text.show({{1, 1, 1}, "key \"\x1b[2J\nb\"", "mean \"\xc2\x9b\x7f\xc3\xa4\"?"}, "error") ==
        "u:1:1: error: key \"?[2J?b\"\nmean \"??\xc3\xa4\"?\n");
  CHECK(text.show({{}, "\r", ""}, "error") == "u: error: ?\n");
}

TEST_CASE("a place outside the text is named, not shown") {
  const ConfText text("a.conf", "");
  CHECK(text.show({{}, "no origin", ""}, "error") == "a.conf: error: no origin\n");
  CHECK(text.show({{7, 3, 1}, "end", ""}, "error") == "a.conf:7:3: error: end\n");
}

TEST_CASE("messages come in the order of the text, those without a place last") {
  const ConfText text("f", "a\nb\n");
  CHECK(text.show({{{}, "third", ""}, {{2, 1, 1}, "second", ""}, {{1, 1, 1}, "first", ""}},
                  "error") ==
        "f:1:1: error: first\n    a\n    ^\n"
        "f:2:1: error: second\n    b\n    ^\n"
        "f: error: third\n");
}

TEST_CASE("the nearest word is at most two edits away, or a third of a longer word") {
  const std::string_view words[] = {"workers", "user", "drain_timeout", "via"};
  CHECK(nearest("worker", words) == "workers");
  CHECK(nearest("wrokers", words) == "workers");
  CHECK(nearest("drain_time", words) == "drain_timeout");
  CHECK(nearest("drain", words).empty());
  CHECK(nearest("usre", words) == "user");
  CHECK(nearest("xyz", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(100, 'w'), words).empty());
}

}  // namespace
}  // namespace weir::app
