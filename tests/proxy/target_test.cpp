#include "proxy/target.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "support/random.h"

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
           Row{"/private%2Fx", "/private/x"},  // many an origin takes it for one
           Row{"/x/..%2fprivate/a", "/private/a"},
           Row{"/private/%2e%2e%2fa", "/a"},
           Row{"/%70rivate/x", "/private/x"},  // §6.2.2.2
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

TEST_CASE("whatever a path is, its plain spelling has no second one in it") {
  test::Random random(1);
  std::string memory, again;
  for (int i = 0; i < 20'000; ++i) {
    const std::string target = "/" + random.text("a./.%2eE5/?", 20);
    CAPTURE(target);
    const std::string plain(plain_path(target, memory));
    CHECK(plain.starts_with('/'));
    CHECK(plain.find("//") == plain.npos);
    CHECK((plain + "/").find("/./") == std::string::npos);
    CHECK((plain + "/").find("/../") == std::string::npos);
    if (plain.find('%') == plain.npos && plain.find('?') == plain.npos)
      CHECK(plain_path(plain, again) == plain);
  }
}

TEST_CASE("whatever a query is, what is not dropped stays, and order does not matter when sorted") {
  test::Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::string> parameters;
    for (std::uint64_t n = random.below(6); n > 0; --n)
      parameters.push_back(random.text("ab", 2) + "=" + std::to_string(n));
    const auto target = [&] {
      std::string out = "/p?";
      for (const std::string& p : parameters) out += p + "&";
      return out;
    };
    std::string one, other;
    edit_query(target(), {Glob("a*")}, true, one);
    std::ranges::reverse(parameters);
    std::ranges::sort(parameters, {},
                      [](const std::string& p) { return std::pair(p.find('='), p); });
    edit_query(target(), {Glob("a*")}, true, other);
    CHECK(one.size() == other.size());
    const auto dropped = std::ranges::count_if(parameters, [](auto& p) { return p[0] == 'a'; });
    CHECK(std::ranges::count(one, '=') == std::ssize(parameters) - dropped);
  }
}

}  // namespace
}  // namespace weir::proxy
