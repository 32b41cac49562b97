#include "http/fields.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http/syntax.h"

using namespace weir::http;

TEST_CASE("every name of the table is found in any case, and no other") {
  for (std::size_t i = 1; i < kFieldIds; ++i) {
    const auto id = static_cast<FieldId>(i);
    std::string name(field_name(id));
    CAPTURE(name);
    CHECK(field_id(name) == id);
    for (char& c : name) c = static_cast<char>(std::toupper(c));
    CHECK(field_id(name) == id);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    CHECK(field_id(name) == id);
    name[name.size() / 2] = '!';
    CHECK(field_id(name) == FieldId::kUnknown);
    CHECK(field_id(name + "s") == FieldId::kUnknown);
    CHECK(field_id(std::string_view(name).substr(1)) == FieldId::kUnknown);
  }
  CHECK(field_id("") == FieldId::kUnknown);
  CHECK(field_id("X-Anything") == FieldId::kUnknown);
  CHECK(field_id("Hos\xd4") == FieldId::kUnknown);
}

TEST_CASE("the connection-specific names of RFC 9110 section 7.6.1 are hop-by-hop") {
  for (std::string_view name : {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
                                "Transfer-Encoding", "Upgrade", "Proxy-Authorization"}) {
    CAPTURE(name);
    CHECK(is_hop_by_hop(field_id(name)));
  }
  CHECK_FALSE(is_hop_by_hop(FieldId::kHost));
  CHECK_FALSE(is_hop_by_hop(FieldId::kUnknown));
}

TEST_CASE("only ASCII letters are compared without case") {
  CHECK(iequals("", ""));
  CHECK(iequals("aBc-1", "AbC-1"));
  CHECK_FALSE(iequals("a", "ab"));
  CHECK_FALSE(iequals("@", "`"));
  CHECK_FALSE(iequals("[", "{"));
  CHECK_FALSE(iequals("\xc4", "\xe4"));
}

TEST_CASE("lines keep their order and spelling") {
  Fields f;
  CHECK(f.empty());
  f.add("hOST", "a");
  f.add("X-One", "1");
  f.add(FieldId::kVia, "v");
  f.add("x-one", "2");
  REQUIRE(f.size() == 4);
  CHECK(f[0].id == FieldId::kHost);
  CHECK(f[0].name == "hOST");
  CHECK(f[0].value == "a");
  CHECK(f[1].id == FieldId::kUnknown);
  CHECK(f[2].name == "Via");
  CHECK(f[3].value == "2");
  CHECK(f.bytes() == 5 + 6 + 4 + 6);
  CHECK(f.known() == (field_bit(FieldId::kHost) | field_bit(FieldId::kVia)));
  CHECK(f.get("x-ONE") == "1");
  CHECK(f.get(FieldId::kHost) == "a");
  CHECK(f.get("host") == "a");
  CHECK_FALSE(f.get("X-Two"));
  CHECK_FALSE(f.get(FieldId::kAge));
}

TEST_CASE("repeated lines are counted and joined") {
  Fields f;
  f.add(FieldId::kVary, "a");
  f.add("X", "1");
  f.add("vary", "b, c");
  f.add("x", "");
  CHECK(f.count(FieldId::kVary) == 2);
  CHECK(f.count(FieldId::kAge) == 0);
  CHECK(f.joined(FieldId::kVary) == "a, b, c");
  CHECK(f.joined("VARY") == "a, b, c");
  CHECK(f.joined("X") == "1, ");
  CHECK_FALSE(f.joined(FieldId::kAge));
  CHECK_FALSE(f.joined("Y"));
}

TEST_CASE("removing takes all lines of a name and no other") {
  Fields f;
  f.add("A", "1");
  f.add("Age", "2");
  f.add("a", "3");
  f.add("age", "4");
  f.remove("A");
  CHECK(f.size() == 2);
  CHECK_FALSE(f.get("a"));
  f.remove(FieldId::kAge);
  CHECK(f.empty());
  CHECK(f.known() == 0);
  CHECK_FALSE(f.has(FieldId::kAge));
  f.remove("Age");
  f.add("Age", "5");
  f.remove("aGE");
  CHECK(f.empty());
}

TEST_CASE("setting replaces all lines of a name by one at the end") {
  Fields f;
  f.add("Age", "1");
  f.add("Via", "v");
  f.add("age", "2");
  f.set(FieldId::kAge, "3");
  REQUIRE(f.size() == 2);
  CHECK(f[1].name == "Age");
  CHECK(f[1].value == "3");
  CHECK(f.has(FieldId::kAge));
  f.set(FieldId::kDate, "d");
  CHECK(f.get(FieldId::kDate) == "d");
}

TEST_CASE("a value may be a view into the same object") {
  Fields f;
  f.add("Host", "a-rather-long-name.example:8080");
  for (int i = 0; i < 50; ++i) {
    f.set(FieldId::kHost, *f.get(FieldId::kHost));
    f.add(f[0].name, f[0].value);
    f.set(FieldId::kHost, *f.get(FieldId::kHost));
  }
  CHECK(f.size() == 1);
  CHECK(f[0].value == "a-rather-long-name.example:8080");
}

TEST_CASE("a cleared object has no lines but keeps its memory") {
  Fields f;
  f.add("Host", std::string(500, 'x'));
  const char* before = f[0].value.data();
  f.clear();
  CHECK(f.empty());
  CHECK(f.known() == 0);
  CHECK(f.bytes() == 0);
  f.add("Host", "y");
  CHECK(f[0].value.data() == before);
}

TEST_CASE("list elements are taken one by one, RFC 9110 section 5.6.1") {
  const struct {
    std::string_view list;
    std::vector<std::string_view> elements;
  } cases[] = {
      {"", {}},
      {" ", {}},
      {",, ,\t,", {}},
      {"a", {"a"}},
      {" a , b\t,c ", {"a", "b", "c"}},
      {"a,,b,", {"a", "b"}},
      {"a b, c", {"a b", "c"}},
      {"x=\"1, 2\", y", {"x=\"1, 2\"", "y"}},
      {"x=\"1\\\", 2\", y", {"x=\"1\\\", 2\"", "y"}},
      {"a\\,b", {"a\\", "b"}},
      {"x=\"1, 2", {"x=\"1, 2"}},
      {"\"\\", {"\"\\"}},
      {"\"\",\"\"", {"\"\"", "\"\""}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.list);
    std::string_view rest = c.list;
    std::vector<std::string_view> got;
    while (const auto element = next_element(rest)) got.push_back(*element);
    CHECK(got == c.elements);
    CHECK(rest.empty());
  }
}

namespace {

std::string all_of(const Fields& f) {
  std::string out;
  for (std::size_t i = 0; i < f.size(); ++i)
    out.append(f[i].name).append(": ").append(f[i].value).append("; ");
  return out;
}

Fields some() {
  Fields f;
  f.add("ETag", "\"a\"");
  f.add("content-type", "text/plain");
  f.add("X-Other", "");
  f.add(FieldId::kCacheControl, "no-cache");
  return f;
}

}  // namespace

TEST_CASE("copies are whole and their own, moves leave nothing") {
  const std::string text = all_of(some());
  CHECK(text == "ETag: \"a\"; content-type: text/plain; X-Other: ; Cache-Control: no-cache; ");
  Fields from = some();
  Fields copy = from;
  copy = copy;  // NOLINT
  from.remove("X-Other");
  CHECK(all_of(copy) == text);
  CHECK(copy.known() == some().known());
  Fields moved = std::move(copy);
  CHECK(all_of(moved) == text);
  CHECK((copy.empty() && copy.known() == 0));  // NOLINT: said of this type
  copy.add("A", "b");
  CHECK(all_of(copy) == "A: b; ");
  copy = std::move(moved);
  CHECK(all_of(copy) == text);
  copy = Fields();
  CHECK(copy.empty());
  copy = from;
  CHECK(all_of(copy) == all_of(from));
}

TEST_CASE("what is added may be a view of the same fields, also while they move and go") {
  Fields f = some();
  for (int i = 0; i < 200; ++i) f.add(f[1].name, f[0].value);
  CHECK(f.size() == 204);
  CHECK((f[203].name == "content-type" && f[203].value == "\"a\""));
  f.set(FieldId::kContentType, f[1].value);
  CHECK(f.joined(FieldId::kContentType) == "text/plain");
  CHECK(f.count(FieldId::kContentType) == 1);
  CHECK(f[f.size() - 1].value == "text/plain");  // where it was added
}

TEST_CASE("shrunk, they take what their lines need, and no memory if there are none") {
  Fields f = some();
  for (int i = 0; i < 50; ++i) f.add("X-Long", std::string(100, 'x'));
  f.remove("X-Long");
  const std::string text = all_of(f);
  f.shrink();
  CHECK(all_of(f) == text);
  CHECK(f.footprint() < 150);
  CHECK(f.bytes() == 4 + 3 + 12 + 10 + 7 + 0 + 13 + 8);
  f.add("B", "c");
  CHECK(f.get("b") == "c");
  Fields none = some();
  for (const char* name : {"ETag", "Content-Type", "X-Other", "Cache-Control"}) none.remove(name);
  none.shrink();
  CHECK(none.footprint() == 0);
  CHECK(none.known() == 0);
}

TEST_CASE("names spelled as in the table take no room") {
  Fields standard, own;
  standard.add("Cache-Control", "a");
  own.add("cache-control", "a");
  CHECK(standard.footprint() + 15 == own.footprint());
  CHECK((standard[0].name == "Cache-Control" && own[0].name == "cache-control"));
  CHECK(standard.bytes() == own.bytes());
}
