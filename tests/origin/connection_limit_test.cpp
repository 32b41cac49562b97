#include "origin/connection_limit.h"

#include <doctest/doctest.h>

#include <optional>
#include <utility>
#include <vector>

namespace weir::origin {
namespace {

struct Bell final : body::Waiter {
  void wake() noexcept override { ++rung; }
  int rung = 0;
};

// Who wants a connection to one server.
struct Caller {
  Caller(ConnectionLimit& l, std::size_t s) : limit(l), server(s) {
    opener.owner = &bell;
    ask();
  }
  ~Caller() { limit.leave(opener); }
  bool ask() {
    if (!place) place = limit.take(opener, server);
    return static_cast<bool>(place);
  }
  ConnectionLimit& limit;
  std::size_t server;
  Bell bell;
  ConnectionLimit::Opener opener;
  ConnectionLimit::Place place;
};

}  // namespace

TEST_CASE("without a limit there is always a place, and it is counted") {
  ConnectionLimit limit(2, 0, 0);
  Caller a(limit, 0), b(limit, 0), c(limit, 1);
  CHECK((a.place && b.place && c.place));
  CHECK(limit.open(0) == 2);
  CHECK(limit.open() == 3);
  a.place.free();
  a.place.free();
  CHECK(limit.open(0) == 1);
}

TEST_CASE("a place that comes free goes to the first in line whom it helps") {
  ConnectionLimit limit(2, 1, 0);
  Caller zero(limit, 0), one(limit, 1);
  Caller first(limit, 0), second(limit, 0), other(limit, 1);
  CHECK(!first.place);
  CHECK(!other.place);
  one.place.free();
  CHECK(other.bell.rung == 1);
  CHECK(first.bell.rung == 0);
  CHECK(limit.open(1) == 1);  // granted is counted: nobody comes between
  Caller late(limit, 1);
  CHECK(!late.place);
  CHECK(other.ask());
  zero.place.free();
  CHECK(first.bell.rung == 1);
  CHECK(second.bell.rung == 0);
  CHECK(!second.ask());  // it stands where it stood
  CHECK(first.ask());
  first.place.free();
  CHECK(second.ask());
}

TEST_CASE("who leaves with a place granted hands it on") {
  ConnectionLimit limit(1, 1, 0);
  Caller held(limit, 0);
  std::optional<Caller> first(std::in_place, limit, 0);
  Caller second(limit, 0);
  held.place.free();
  CHECK(first->bell.rung == 1);
  CHECK(second.bell.rung == 0);
  first.reset();
  CHECK(second.bell.rung == 1);
  CHECK(second.ask());
  CHECK(limit.open() == 1);
}

TEST_CASE("keepers of idle connections are asked for those that would help") {
  ConnectionLimit limit(3, 2, 3);
  Bell bell;
  ConnectionLimit::Keeper keeper;
  keeper.owner = &bell;
  limit.add(keeper);
  Caller a(limit, 0), b(limit, 0), c(limit, 1);
  CHECK(bell.rung == 0);
  CHECK_FALSE(limit.wanted(0));

  Caller same(limit, 0);  // its server is full: only that server's connections help
  CHECK(bell.rung == 1);
  CHECK(limit.wanted(0));
  CHECK_FALSE(limit.wanted(1));
  limit.leave(same.opener);

  Caller any(limit, 2);  // all together are too many: any helps
  CHECK(limit.wanted(0));
  CHECK(limit.wanted(1));
  c.place.free();
  CHECK(any.ask());
  CHECK_FALSE(limit.wanted(0));
  limit.remove(keeper);
}

TEST_CASE("a place moves with its owner and is counted once") {
  ConnectionLimit limit(1, 0, 0);
  Caller a(limit, 0);
  ConnectionLimit::Place moved = std::move(a.place);
  CHECK(!a.place);
  CHECK(limit.open() == 1);
  Caller b(limit, 0);
  b.place = std::move(moved);
  CHECK(limit.open() == 1);
}

}  // namespace weir::origin
