#include "cache/ban_list.h"

#include <doctest/doctest.h>

namespace weir::cache {
namespace {

constexpr WallTime kNow{Seconds{1000}};

struct Bench {
  BanList list;
  std::atomic<std::uint64_t> clock{0};
  http::Response head;

  static Ref<Ban> ban(std::string condition) { return Ban::parse({std::move(condition)}).value(); }
  std::optional<Purging> add(std::string condition, PurgeMode mode = PurgeMode::kHard) {
    return list.add(ban(std::move(condition)), mode, kNow, clock);
  }
  void examine(std::string_view url, PurgeMark& mark) { list.examine(url, head, mark); }
};

TEST_CASE("an object is held against each ban that came after it, once") {
  Bench b;
  PurgeMark mark(0);
  CHECK_FALSE(b.list.concern(mark));
  b.add("path = /b");
  CHECK(b.list.concern(mark));
  b.examine("http://x/a", mark);
  CHECK_FALSE(b.list.concern(mark));
  CHECK_FALSE(mark.gone());
  const auto soft = b.list.add(b.ban("path = /a"), PurgeMode::kSoft, kNow, b.clock);
  CHECK(soft->number == 2);
  b.examine("http://x/a", mark);
  CHECK(mark.stale_since() == kNow);
  const auto ban = b.ban("path ^= /");
  b.list.add(ban, PurgeMode::kHard, kNow, b.clock);
  b.examine("http://x/a", mark);
  b.examine("http://x/a", mark);
  CHECK(mark.gone());
  CHECK(ban->objects() == 1);
}

TEST_CASE("an object that was asked for after a ban does not concern it") {
  Bench b;
  b.add("path ^= /");
  PurgeMark mark(b.clock);
  CHECK_FALSE(b.list.concern(mark));
  b.examine("http://x/a", mark);
  CHECK_FALSE(mark.gone());
}

TEST_CASE("the list is bounded: a retired ban makes room, one under way does not") {
  Bench b;
  for (std::size_t i = 0; i < BanList::kMost; ++i) CHECK(b.add("path = /none").has_value());
  CHECK(b.list.active() == BanList::kMost);
  CHECK_FALSE(b.add("path = /a").has_value());
  CHECK(b.clock == BanList::kMost);  // no number for who was refused
  b.list.retire(10);                 // its walk is over, and so is that of all before it
  CHECK(b.list.active() == BanList::kMost - 10);
  CHECK(b.add("path = /a").has_value());
}

TEST_CASE("what is older than the bans that are remembered counts as purged") {
  Bench b;
  PurgeMark old(0), newer(5);
  for (std::size_t i = 0; i < BanList::kMost + 3; ++i) {
    const auto number = b.add("path = /none");
    REQUIRE(number.has_value());
    b.list.retire(number->number);
  }
  b.examine("http://x/a", old);
  CHECK(old.gone());  // one of the forgotten three may have been for it
  b.examine("http://x/a", newer);
  CHECK_FALSE(newer.gone());
}

}  // namespace
}  // namespace weir::cache
