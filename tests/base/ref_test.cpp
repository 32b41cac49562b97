#include "base/ref.h"

#include <doctest/doctest.h>

using weir::make_ref;
using weir::Ref;

namespace {
struct Thing : weir::RefCounted<Thing> {
  explicit Thing(int& d) : deaths(d) {}
  ~Thing() { ++deaths; }
  int& deaths;
};
}  // namespace

TEST_CASE("the last reference destroys, copies and moves do not") {
  int deaths = 0;
  {
    Ref<Thing> a = make_ref<Thing>(deaths);
    Ref<Thing> b = a;
    Ref<Thing> c = std::move(a);
    CHECK_FALSE(static_cast<bool>(a));
    b = nullptr;
    CHECK(deaths == 0);
    CHECK(c->unique());
  }
  CHECK(deaths == 1);
}

TEST_CASE("a raw pointer becomes a reference again while the object lives") {
  int deaths = 0;
  Ref<Thing> a = make_ref<Thing>(deaths);
  Ref<Thing> b = Ref<Thing>::try_ref(a.get());
  CHECK(b == a);
  CHECK_FALSE(static_cast<bool>(Ref<Thing>::try_ref(nullptr)));
}

TEST_CASE("self-assignment keeps the object") {
  int deaths = 0;
  Ref<Thing> a = make_ref<Thing>(deaths);
  Ref<Thing>& same = a;
  a = same;
  CHECK(deaths == 0);
  CHECK(a->unique());
}
