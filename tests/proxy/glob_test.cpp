#include "proxy/glob.h"

#include <doctest/doctest.h>

#include "support/random.h"

namespace weir::proxy {
namespace {

// By the definition, in exponential time.
bool slowly(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*')
    return !text.empty() && text.front() == pattern.front() &&
           slowly(pattern.substr(1), text.substr(1));
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (slowly(pattern.substr(1), text.substr(i))) return true;
  }
  return false;
}

TEST_CASE("a star stands for any text, everything else for itself") {
  struct Row {
    const char* pattern;
    const char* text;
    bool matches;
  };
  for (const Row& row : {
           Row{"/a", "/a", true},
           Row{"/a", "/a/", false},
           Row{"/a", "", false},
           Row{"", "", true},
           Row{"", "x", false},
           Row{"*", "", true},
           Row{"*", "/a/b", true},
           Row{"/static/*", "/static/", true},
           Row{"/static/*", "/static/a/b", true},
           Row{"/static/*", "/static", false},
           Row{"*.jpg", "/a/b.jpg", true},
           Row{"*.jpg", ".jpg", true},
           Row{"*.jpg", "/a.jpgx", false},
           Row{"/a*a", "/a", false},  // the two do not share a letter
           Row{"/a*a", "/aa", true},
           Row{"/*/x/*", "/a/b/x/c", true},
           Row{"/*/x/*", "/a/xx/c", false},
           Row{"*ab*abc*", "abababc", true},
           Row{"*ab*ab*", "ab", false},
           Row{"a**b", "ab", true},
           Row{"a.c", "abc", false},
           Row{"[a]", "a", false},
       }) {
    CAPTURE(std::string(row.pattern));
    CAPTURE(std::string(row.text));
    CHECK(Glob(row.pattern).matches(row.text) == row.matches);
  }
}

TEST_CASE("the quick way of matching says what the definition says") {
  test::Random random(1);
  for (int i = 0; i < 50'000; ++i) {
    const std::string pattern = random.text("ab**", 8), text = random.text("ab", 10);
    CAPTURE(pattern);
    CAPTURE(text);
    CHECK(Glob(pattern).matches(text) == slowly(pattern, text));
  }
}

}  // namespace
}  // namespace weir::proxy
