#include "cache/entry.h"

#include <doctest/doctest.h>

#include "store/memory_store.h"

namespace weir::cache {
namespace {

struct Bench {
  store::MemoryStore store{{.limit = 16 << 20}, {}};
  std::uint64_t generations = 0;
  Entry entry{"http://a/b"};

  Entry::Numbers numbers() { return {generations, 7}; }
  Ref<Object> object(const std::string& variant = {}) {
    ObjectParts parts;
    parts.head.status = 200;
    parts.variant = variant;
    parts.body = store.create({.total = 0});
    return make_ref<Object>(std::move(parts));
  }
  void add(Ref<Object> object) {
    entry.change_variants([&](auto& all) { all.insert(all.begin(), std::move(object)); });
  }
};

}  // namespace

TEST_CASE("variants are kept in order, whether none, one or many") {
  Bench b;
  CHECK(b.entry.bare());
  CHECK(b.entry.variants().empty());
  const Ref<Object> one = b.object(), two = b.object("two");
  b.add(one);
  REQUIRE(b.entry.variants().size() == 1);
  CHECK(b.entry.variants()[0] == one);
  b.add(two);
  REQUIRE(b.entry.variants().size() == 2);
  CHECK(b.entry.variants()[0] == two);
  CHECK(b.entry.variants()[1] == one);
  b.entry.change_variants([](auto& all) { all.erase(all.begin()); });
  REQUIRE(b.entry.variants().size() == 1);
  CHECK(b.entry.variants()[0] == one);
  CHECK_FALSE(b.entry.bare());
  b.entry.change_variants([](auto& all) { all.clear(); });
  CHECK(b.entry.bare());
}

TEST_CASE("those under way are found by variant, counted, and end once") {
  Bench b;
  const Ref<Busy> de = b.entry.lead("de", b.numbers()), fr = b.entry.lead("fr", b.numbers());
  const Ref<Busy> alone = b.entry.lead_alone(b.numbers());
  CHECK(de->purges() == 7);
  CHECK(b.entry.fetches() == 3);
  REQUIRE(b.entry.find_lead("fr"));
  CHECK(b.entry.find_lead("fr")->busy == fr);
  CHECK_FALSE(b.entry.find_lead("en"));
  CHECK(b.entry.end_lead(*de));
  CHECK(b.entry.end_lead(*alone));
  CHECK(b.entry.fetches() == 1);
  CHECK(b.entry.end_lead(*fr));
  CHECK(b.entry.bare());
  CHECK_FALSE(b.entry.end_lead(*fr));
  CHECK_FALSE(b.entry.end_lead(Busy()));  // of nobody
}

TEST_CASE("what began before a purge is not kept, whatever began after it") {
  for (const std::size_t variants : {0u, 1u, 2u}) {
    CAPTURE(variants);
    Bench b;
    for (std::size_t i = 0; i < variants; ++i) b.add(b.object(std::to_string(i)));
    const Ref<Busy> joined = b.entry.lead("", b.numbers());
    const Ref<Busy> alone = b.entry.lead_alone(b.numbers());
    b.entry.disown_leads();  // a soft purge: the variants stay
    CHECK(b.entry.fetches() == 0);
    CHECK(b.entry.variants().size() == variants);
    const Ref<Busy> after = b.entry.lead("", b.numbers());
    CHECK_FALSE(b.entry.end_lead(*joined));
    CHECK_FALSE(b.entry.end_lead(*alone));
    CHECK(b.entry.fetches() == 1);
    CHECK(b.entry.end_lead(*after));
  }
}

}  // namespace weir::cache
