#include "proxy/target.h"

#include <doctest/doctest.h>

namespace weir::proxy {
namespace {

TEST_CASE("rules see one spelling of a path") {
  struct Row {
    const char* target;
    const char* path;
  };
  std::string memory = "what was here before";
  for (const Row& row : {
           Row{"/a/b?c=/d/..", "/a/b"},
           Row{"/", "/"},
           Row{"*", "*"},
           Row{"/private%2Fx", "/private%2Fx"},  // no separator: RFC 3986 §2.2
           Row{"/%70rivate/x", "/private/x"},    // §6.2.2.2
           Row{"/a/%2e%2E/b", "/b"},
           Row{"/a/./b", "/a/b"},  // §5.2.4
           Row{"/a/../../b", "/b"},
           Row{"/a/..", "/"},
           Row{"/a/b/..", "/a/"},
           Row{"/a/.", "/a/"},
           Row{"/..", "/"},
           Row{"/...", "/..."},
           Row{"/a../b", "/a../b"},
           Row{"/.well-known/x", "/.well-known/x"},
           Row{"//a///b", "/a/b"},
           Row{"/a//../b", "/b"},
           Row{"/%", "/%"},
           Row{"/%2", "/%2"},
           Row{"/%zz", "/%zz"},
           Row{"/%25", "/%"},
       }) {
    CAPTURE(std::string(row.target));
    CHECK(plain_path(row.target, memory) == row.path);
  }
}

TEST_CASE("parameters are dropped by name and sorted by name") {
  struct Row {
    const char* target;
    std::vector<Glob> dropped;
    bool sorted;
    const char* edited;
  };
  const std::vector<Glob> none, utm = {Glob("utm_*"), Glob("fbclid")}, all = {Glob("*")};
  for (const Row& row : {
           Row{"/a", utm, true, "/a"},
           Row{"/a?x=1", utm, false, "/a?x=1"},
           Row{"/a?utm_a=1&x=1&utm_b=2", utm, false, "/a?x=1"},
           Row{"/a?x=1&fbclid", utm, false, "/a?x=1"},
           Row{"/a?fbclid=", utm, false, "/a"},
           Row{"/a?fbclid2=1", utm, false, "/a?fbclid2=1"},
           Row{"/a?x=utm_a&y=fbclid", utm, false, "/a?x=utm_a&y=fbclid"},
           Row{"/a?b=2&a=1&b=1", none, true, "/a?a=1&b=2&b=1"},
           Row{"/a?ab=1&a=2", none, true, "/a?a=2&ab=1"},
           Row{"/a?a%2Cb=1&&", none, true, "/a?a%2Cb=1"},
           Row{"/a?", none, true, "/a"},
           Row{"/a?x=1?y=2&z", all, false, "/a"},
           Row{"/a?c=3&utm_x=1&b=2?", utm, true, "/a?b=2?&c=3"},
       }) {
    CAPTURE(std::string(row.target));
    std::string out;
    edit_query(row.target, row.dropped, row.sorted, out);
    CHECK(out == row.edited);
  }
}

}  // namespace
}  // namespace weir::proxy
