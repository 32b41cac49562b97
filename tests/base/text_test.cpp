#include "base/text.h"

#include <doctest/doctest.h>

#include <string>

namespace weir {

TEST_CASE("a text is one pointer, and none where it is empty") {
  CHECK(sizeof(Text) == sizeof(void*));
  const Text none;
  CHECK(none.empty());
  CHECK(none.size() == 0);
  CHECK(none == "");
  CHECK(Text("").empty());
}

TEST_CASE("it holds what was appended, and copies are its own") {
  Text text("Not");
  text.append("");
  text.append(" Found");
  CHECK(text == "Not Found");
  CHECK(text.size() == 9);
  Text copy = text;
  text.append(text.view());  // its own bytes
  CHECK(text == "Not FoundNot Found");
  CHECK(copy == "Not Found");
  const Text moved = std::move(text);
  CHECK(text.empty());  // NOLINT: said of this type
  CHECK(moved == "Not FoundNot Found");
  copy = copy;  // NOLINT
  CHECK(copy == "Not Found");
  copy.clear();
  CHECK(copy.empty());
  const std::string zero("a\0b", 3);
  CHECK(Text(zero) == zero);
}

}  // namespace weir
