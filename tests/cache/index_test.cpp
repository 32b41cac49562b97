#include "cache/index.h"

#include <doctest/doctest.h>

#include "body/text_body.h"
#include "policy/vary.h"
#include "store/memory_store.h"

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::cache;

namespace {

constexpr WallTime kNow{1'000'000s};

struct Waiting final : body::Waiter {
  int wakes = 0;
  void wake() noexcept override { ++wakes; }
};

struct Bench {
  store::MemoryStore store{{.limit = 64 << 20}, [](const Digest&) {}};
  Index index;
  Key key;
  http::Request request;
  policy::RequestClass cls;

  Bench() { make_key("http", "example.org", "/a", key); }

  Ref<Object> object(Seconds lifetime, std::vector<std::string> vary = {}) {
    ObjectParts parts;
    parts.head.status = 200;
    parts.freshness.response_time = kNow;
    parts.freshness.lifetime = lifetime;
    parts.vary_names = std::move(vary);
    policy::variant_text(parts.vary_names, request, parts.variant);
    parts.body = body::text_body(store, "hello");
    return make_ref<Object>(std::move(parts));
  }
  Lookup look(WallTime now = kNow) { return index.lookup(key, request, cls, now); }
};

}  // namespace

TEST_CASE("the first request leads, the next one joins it, later ones hit") {
  Bench b;
  const Lookup first = b.look();
  REQUIRE(first.what == Lookup::What::kLead);
  const Lookup second = b.look();
  REQUIRE(second.what == Lookup::What::kJoin);
  CHECK(second.busy == first.busy);

  Waiting waiting;
  Joiner joiner;
  joiner.waiter = &waiting;
  CHECK(std::holds_alternative<Busy::Pending>(second.busy->join(joiner)));
  const auto object = b.object(60s);
  b.index.publish(b.key, first.busy, object);
  CHECK(waiting.wakes == 1);
  CHECK(std::get<Ref<Object>>(second.busy->join(joiner)) == object);

  const Lookup third = b.look();
  REQUIRE(third.what == Lookup::What::kHit);
  CHECK(third.object == object);
}

TEST_CASE("a stale object makes the next request lead with it, to validate it") {
  Bench b;
  const auto object = b.object(60s);
  b.index.publish(b.key, b.look().busy, object);
  const Lookup found = b.look(kNow + 61s);
  CHECK(found.what == Lookup::What::kLead);
  CHECK(found.object == object);
}

TEST_CASE("within stale-while-revalidate one request leads in the background and all are served") {
  Bench b;
  const auto lead = b.look();
  ObjectParts parts;
  parts.head.status = 200;
  parts.freshness.response_time = kNow;
  parts.freshness.lifetime = 60s;
  parts.freshness.stale_while_revalidate = 30s;
  parts.body = body::text_body(b.store, "hello");
  b.index.publish(b.key, lead.busy, make_ref<Object>(std::move(parts)));
  const Lookup one = b.look(kNow + 61s);
  CHECK(one.what == Lookup::What::kHit);
  CHECK(static_cast<bool>(one.busy));
  const Lookup two = b.look(kNow + 61s);
  CHECK(two.what == Lookup::What::kHit);
  CHECK_FALSE(static_cast<bool>(two.busy));
}

TEST_CASE("variants stand beside one another and only the matching one is given") {
  Bench b;
  b.request.fields.add("X-Color", "red");
  const auto red = b.object(60s, {"x-color"});
  b.index.publish(b.key, b.look().busy, red);
  b.request.fields.clear();
  b.request.fields.add("X-Color", "blue");
  const Lookup miss = b.look();
  CHECK(miss.what == Lookup::What::kLead);
  CHECK(miss.vary_miss);
  const auto blue = b.object(60s, {"x-color"});
  b.index.publish(b.key, miss.busy, blue);
  CHECK(b.look().object == blue);
  b.request.fields.clear();
  b.request.fields.add("X-Color", "red");
  CHECK(b.look().object == red);
  CHECK(b.index.stats().objects == 2);
}

TEST_CASE("a passed response goes to the leader alone and lets later requests pass for a while") {
  Bench b;
  const Lookup lead = b.look();
  Waiting waiting;
  Joiner leader, other;
  leader.waiter = other.waiter = &waiting;
  leader.leader = true;
  lead.busy->join(leader);
  lead.busy->join(other);
  const auto object = b.object(0s);
  b.index.pass(b.key, lead.busy, object, kNow + 120s);
  CHECK(waiting.wakes == 2);
  CHECK(std::get<Ref<Object>>(lead.busy->join(leader)) == object);
  CHECK(std::holds_alternative<Busy::Passed>(lead.busy->join(other)));
  CHECK(b.look(kNow + 119s).what == Lookup::What::kPass);
  CHECK(b.look(kNow + 120s).what == Lookup::What::kLead);
}

TEST_CASE("a failed fetch tells all who joined and leaves nothing behind") {
  Bench b;
  const Lookup lead = b.look();
  Waiting waiting;
  Joiner joiner;
  joiner.waiter = &waiting;
  lead.busy->join(joiner);
  b.index.fail(b.key, lead.busy, Error{Errc::kConnectRefused});
  CHECK(waiting.wakes == 1);
  CHECK(std::get<Error>(lead.busy->join(joiner)).code == Errc::kConnectRefused);
  CHECK(b.look().what == Lookup::What::kLead);
  CHECK(b.index.stats().objects == 0);
}

TEST_CASE("one who left is not woken") {
  Bench b;
  const Lookup lead = b.look();
  Waiting waiting;
  Joiner joiner;
  joiner.waiter = &waiting;
  lead.busy->join(joiner);
  CHECK(lead.busy->wanted());
  lead.busy->leave(joiner);
  CHECK_FALSE(lead.busy->wanted());
  b.index.fail(b.key, lead.busy, Error{});
  CHECK(waiting.wakes == 0);
}

TEST_CASE("a purge counts for what is being fetched, too") {
  Bench b;
  b.index.publish(b.key, b.look().busy, b.object(60s));
  CHECK(b.index.purge(b.key) == 1);
  const Lookup lead = b.look();
  CHECK(lead.what == Lookup::What::kLead);
  b.index.purge(b.key);
  b.index.publish(b.key, lead.busy, b.object(60s));
  CHECK(b.look().what == Lookup::What::kLead);
}

TEST_CASE("a request that may not lead is told that there is nothing") {
  Bench b;
  CHECK(b.index.lookup(b.key, b.request, b.cls, kNow, false).what == Lookup::What::kNone);
  CHECK(b.index.stats().busy == 0);
}

TEST_CASE("two keys with one digest never share an object") {
  Bench b;
  b.index.publish(b.key, b.look().busy, b.object(60s));
  Key other = b.key;
  other.text = "http://evil.example/a";
  CHECK(b.index.lookup(other, b.request, b.cls, kNow).what == Lookup::What::kPass);
}

TEST_CASE("an object without a byte left is forgotten") {
  Bench b;
  const auto object = b.object(60s);
  b.index.publish(b.key, b.look().busy, object);
  b.index.emptied(b.key.digest);  // it still has bytes
  CHECK(b.look().what == Lookup::What::kHit);
  b.index.forget(b.key, *object);
  CHECK(b.look().what == Lookup::What::kLead);
}
