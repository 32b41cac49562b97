#include "base/list.h"

#include <doctest/doctest.h>

#include <memory>

using weir::List;
using weir::ListNode;

namespace {
struct Item : ListNode {
  explicit Item(int n) : value(n) {}
  int value;
};
}  // namespace

TEST_CASE("a list keeps order and gives its nodes back from the front") {
  List<Item> list;
  Item a(1), b(2), c(3);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK(list.front() == &a);
  CHECK(list.back() == &c);
  CHECK(list.next(a) == &b);
  CHECK(list.next(c) == nullptr);
  CHECK(list.pop_front() == &a);
  CHECK_FALSE(a.linked());
  CHECK(list.pop_front() == &b);
  CHECK(list.pop_front() == &c);
  CHECK(list.pop_front() == nullptr);
  CHECK(list.empty());
}

TEST_CASE("a node that dies takes itself off") {
  List<Item> list;
  Item a(1);
  list.push_back(a);
  {
    auto b = std::make_unique<Item>(2);
    list.push_back(*b);
  }
  CHECK(list.back() == &a);
}

TEST_CASE("a list that dies first lets its nodes go") {
  Item a(1);
  {
    List<Item> list;
    list.push_back(a);
  }
  CHECK_FALSE(a.linked());
}
