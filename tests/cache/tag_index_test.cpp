#include "cache/tag_index.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>

namespace weir::cache {
namespace {

constexpr WallTime kNow{Seconds{1000}};

// What an Object has of it.
struct Thing {
  explicit Thing(std::uint64_t born) : mark(born) {}
  PurgeMark mark;
  TagIndex::Places places;
};

struct Bench {
  TagIndex index;
  std::uint64_t clock = 0;

  std::unique_ptr<Thing> thing(const std::vector<std::string>& tags) {
    return thing_born(clock, tags);
  }
  std::unique_ptr<Thing> thing_born(std::uint64_t born, const std::vector<std::string>& tags) {
    auto out = std::make_unique<Thing>(born);
    std::vector<Digest> digests;
    for (const std::string& tag : tags) digests.push_back(digest(tag));
    index.enter(out->places, out->mark, digest("key"), digests);
    return out;
  }
  TagIndex::Work work(const std::string& tag, PurgeMode mode = PurgeMode::kHard) {
    return {digest(tag), {mode, ++clock, kNow}};
  }
  // All at once.
  std::size_t purge(const std::string& tag, PurgeMode mode = PurgeMode::kHard) {
    TagIndex::Work w = work(tag, mode);
    std::size_t objects = 0;
    CHECK(index.step(w, 1'000'000, objects, gone));
    return objects;
  }
  std::vector<Digest> gone;
};

}  // namespace

TEST_CASE("a purge of a tag reaches what bears it and nothing else") {
  Bench b;
  const auto one = b.thing({"a"}), both = b.thing({"a", "b"}), other = b.thing({"b"}),
             none = b.thing({});
  CHECK(b.index.tags() == 2);
  CHECK(b.purge("a") == 2);
  CHECK(b.gone.size() == 2);
  CHECK(one->mark.gone());
  CHECK(both->mark.gone());
  CHECK_FALSE(other->mark.gone());
  CHECK_FALSE(none->mark.gone());
  CHECK(b.purge("a") == 0);
  CHECK(b.purge("b") == 1);  // the other one has gone already
  CHECK(b.purge("c") == 0);
  CHECK(b.index.tags() == 0);
}

TEST_CASE("a soft purge leaves objects where they are, for the next one") {
  Bench b;
  const auto one = b.thing({"a"}), two = b.thing({"a"});
  CHECK(b.purge("a", PurgeMode::kSoft) == 2);
  CHECK(b.gone.empty());
  CHECK(one->mark.stale_since() == kNow);
  CHECK(b.purge("a", PurgeMode::kSoft) == 0);  // stale already
  CHECK(b.purge("a") == 2);
  CHECK(two->mark.gone());
}

TEST_CASE("what dies leaves, and nothing of its tags stays") {
  Bench b;
  auto one = b.thing({"a", "b"});
  const auto two = b.thing({"a"});
  CHECK(b.index.tags() == 2);
  one.reset();
  CHECK(b.index.tags() == 1);
  CHECK(b.purge("a") == 1);
  one = b.thing({"a", "b"});
  b.purge("a");
  one.reset();  // half of its places were taken off by the purge
  CHECK(b.index.tags() == 0);
}

TEST_CASE("a purge is done in steps, and what enters meanwhile is younger") {
  for (const PurgeMode mode : {PurgeMode::kHard, PurgeMode::kSoft}) {
    Bench b;
    std::vector<std::unique_ptr<Thing>> things;
    for (int i = 0; i < 10; ++i) things.push_back(b.thing({"a"}));
    TagIndex::Work work = b.work("a", mode);
    std::size_t objects = 0;
    int steps = 1;
    while (!b.index.step(work, 3, objects, b.gone)) {
      ++steps;
      things.push_back(b.thing({"a"}));  // asked for after the purge began
      if (steps == 3) things.erase(things.begin() + 8);
    }
    CHECK(steps == 4);
    CHECK(objects == 9);
    CHECK(b.purge("a", PurgeMode::kHard) == (mode == PurgeMode::kHard ? 3 : 12));
  }
}

TEST_CASE("a purge counts for what was asked for before and enters after it") {
  Bench b;
  const std::uint64_t born = b.clock;
  b.purge("hard");
  b.purge("soft", PurgeMode::kSoft);
  const std::uint64_t later = b.clock;
  b.purge("other");
  CHECK(b.thing_born(born, {"x", "hard"})->mark.gone());
  CHECK(b.thing_born(born, {"soft"})->mark.stale_since() == kNow);
  CHECK_FALSE(b.thing_born(born, {"soft"})->mark.gone());
  CHECK_FALSE(b.thing_born(born, {"x"})->mark.gone());
  CHECK_FALSE(b.thing_born(later, {"hard", "soft"})->mark.gone());
  CHECK_FALSE(b.thing_born(later, {"hard", "soft"})->mark.stale_since().has_value());
  b.purge("hard", PurgeMode::kSoft);  // does not take back that it was hard before
  CHECK(b.thing_born(born, {"hard"})->mark.gone());
  CHECK_FALSE(b.thing_born(later, {"hard"})->mark.gone());
}

TEST_CASE("of two purges of a tag that begin the other way round the later number is remembered") {
  for (const PurgeMode mode : {PurgeMode::kHard, PurgeMode::kSoft}) {
    Bench b;
    TagIndex::Work first = b.work("a", mode);
    const std::uint64_t between = b.clock;
    TagIndex::Work second = b.work("a", mode);
    std::size_t objects = 0;
    CHECK(b.index.step(second, 10, objects, b.gone));
    CHECK(b.index.step(first, 10, objects, b.gone));
    CHECK(b.thing_born(between, {"a"})->mark.purged_since(between));
  }
}

TEST_CASE("where more was purged than can be remembered, what is old counts as purged") {
  Bench b;
  const std::uint64_t born = b.clock;
  const std::size_t many = TagIndex::kShards * TagIndex::kRecent * 4;
  for (std::size_t i = 0; i < many; ++i) b.purge("tag " + std::to_string(i));
  std::size_t gone = 0;
  for (int i = 0; i < 100; ++i) gone += b.thing_born(born, {"x" + std::to_string(i)})->mark.gone();
  CHECK(gone == 100);
  CHECK_FALSE(b.thing({"y"})->mark.gone());  // born now
  for (std::size_t i = 0; i < many; ++i) b.purge("the same tag");
  const std::uint64_t since = b.clock;
  b.purge("the same tag");
  CHECK_FALSE(b.thing_born(since, {"y"})->mark.gone());  // one tag takes one place
}

TEST_CASE("objects come and go on many threads while tags are purged") {
  Bench b;
  std::atomic<std::uint64_t> clock{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      std::vector<std::unique_ptr<Thing>> things;
      for (int i = 0; !stop; ++i) {
        auto thing = std::make_unique<Thing>(clock.load());
        const Digest tags[] = {digest("a"), digest("b" + std::to_string(i % 5))};
        b.index.enter(thing->places, thing->mark, digest("key"), tags);
        things.push_back(std::move(thing));
        if (things.size() > 100) things.erase(things.begin(), things.begin() + 50);
      }
    });
  }
  std::size_t objects = 0;
  for (int i = 0; i < 300; ++i) {
    const PurgeMode mode = i % 3 == 0 ? PurgeMode::kHard : PurgeMode::kSoft;
    TagIndex::Work work{digest("a"), {mode, ++clock, kNow}};
    std::vector<Digest> gone;
    while (!b.index.step(work, 16, objects, gone)) {
    }
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  CHECK(b.index.tags() == 0);
}

}  // namespace weir::cache
