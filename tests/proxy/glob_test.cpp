#include "proxy/glob.h"

#include <doctest/doctest.h>

namespace weir::proxy {
namespace {

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

}  // namespace
}  // namespace weir::proxy
