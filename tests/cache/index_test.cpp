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
  store::MemoryStore store{{.limit = 16 << 20}, [this](const Digest& id) { index.emptied(id); }};
  Index index;
  Key key;
  http::Request request;
  policy::RequestClass cls;

  Bench() { make_key("http", "example.org", "/a", key); }

  Ref<Object> object(Seconds lifetime, std::vector<std::string> vary = {}) {
    return object(policy::Freshness{.lifetime = lifetime}, std::move(vary));
  }
  Ref<Object> object(policy::Freshness freshness, std::vector<std::string> vary = {}) {
    ObjectParts parts;
    parts.head.status = 200;
    parts.freshness = freshness;
    parts.freshness.response_time = kNow;
    parts.vary_names = std::move(vary);
    policy::variant_text(parts.vary_names, request, parts.variant);
    parts.body = body(key.digest, 5);
    return make_ref<Object>(std::move(parts));
  }
  // Complete.
  Ref<body::Body> body(const Digest& id, std::size_t size) {
    Waiting nobody;
    auto made = store.create({.id = id, .total = size});
    body::BodyWriter writer(made, 0, size, nobody);
    while (const std::size_t n = writer.space(size, {}).bytes.size()) writer.commit(n);
    std::move(writer).finish();
    return made;
  }
  void ask_with(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    request.fields.clear();
    for (const auto& [name, value] : fields) request.fields.add(name, value);
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
  b.ask_with({{"X-Color", "red"}});
  const auto red = b.object(60s, {"x-color"});
  b.index.publish(b.key, b.look().busy, red);
  b.ask_with({{"X-Color", "blue"}});
  const Lookup miss = b.look();
  CHECK(miss.what == Lookup::What::kLead);
  CHECK(miss.vary_miss);
  const auto blue = b.object(60s, {"x-color"});
  b.index.publish(b.key, miss.busy, blue);
  CHECK(b.look().object == blue);
  b.ask_with({{"X-Color", "red"}});
  CHECK(b.look().object == red);
  CHECK(b.index.stats().objects == 2);
  CHECK(b.index.keys() == 1);
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
  CHECK(b.index.stats().keys == 0);  // the mark is no entry: the table of marks does not grow
  CHECK(b.look(kNow + 120s).what == Lookup::What::kLead);
}

TEST_CASE("what was refused for its Authorization lets only such requests pass") {
  Bench b;
  policy::RequestClass authorized;
  authorized.authorization = true;
  const Lookup lead = b.index.lookup(b.key, b.request, authorized, kNow);
  Waiting waiting;
  Joiner joiner;
  joiner.waiter = &waiting;
  lead.busy->join(joiner);
  b.index.pass(b.key, lead.busy, b.object(0s), kNow + 120s, Whom::kAuthorized);
  CHECK(std::get<Busy::Passed>(lead.busy->join(joiner)).whom == Whom::kAuthorized);
  const auto look_authorized = [&] { return b.index.lookup(b.key, b.request, authorized, kNow); };
  CHECK(look_authorized().what == Lookup::What::kPass);
  const Lookup other = b.look();
  REQUIRE(other.what == Lookup::What::kLead);
  CHECK(look_authorized().what == Lookup::What::kPass);  // nor does it wait for the other's fetch
  b.index.publish(b.key, other.busy, b.object(60s));
  CHECK(look_authorized().what == Lookup::What::kHit);
  CHECK(b.index.lookup(b.key, b.request, authorized, kNow + 61s).what == Lookup::What::kPass);
}

TEST_CASE("a kept response ends what a refused one of its key had marked") {
  Bench b;
  b.ask_with({{"X-Color", "red"}});
  b.index.publish(b.key, b.look().busy, b.object(60s, {"x-color"}));
  b.ask_with({{"X-Color", "blue"}});
  const Lookup blue = b.look();
  b.ask_with({{"X-Color", "green"}});
  b.index.pass(b.key, b.look().busy, b.object(0s), kNow + 120s);
  CHECK(b.look().what == Lookup::What::kPass);
  b.index.publish(b.key, blue.busy, b.object(60s, {"x-color"}));
  b.ask_with({{"X-Color", "black"}});
  CHECK(b.look().what == Lookup::What::kLead);
}

TEST_CASE("what needs a validation for each request lets nobody wait for another's") {
  struct Row {
    const char* what;
    policy::Freshness freshness;
    bool waits;
  };
  for (const Row& row :
       {Row{"no-cache", {.lifetime = 60s, .no_cache = true}, false}, Row{"lifetime 0", {}, false},
        Row{"it was fresh once", {.lifetime = 60s}, true}}) {
    CAPTURE(row.what);
    Bench b;
    b.index.publish(b.key, b.look().busy, b.object(row.freshness));
    const auto later = kNow + 61s;
    const Lookup one = b.look(later), two = b.look(later), three = b.look(later);
    REQUIRE(one.what == Lookup::What::kLead);
    CHECK(static_cast<bool>(one.object));
    CHECK((two.what == Lookup::What::kJoin) == row.waits);
    if (row.waits) continue;
    REQUIRE(two.what == Lookup::What::kLead);
    CHECK(two.busy != one.busy);
    CHECK(b.index.stats().busy == 3);
    const auto object = b.object(row.freshness);
    b.index.publish(b.key, two.busy, object);
    b.index.fail(b.key, three.busy, Error{Errc::kOriginCut});
    CHECK(b.look(later).object == object);
    b.index.purge(b.key);
    b.index.publish(b.key, one.busy, object);  // began before the purge
    CHECK(b.index.stats().objects == 0);
    CHECK(b.index.stats().busy == 0);
  }
}

TEST_CASE("once Vary is known, only those of one variant wait for one another") {
  Bench b;
  b.ask_with({{"X-Color", "red"}});
  const Lookup first = b.look();
  b.ask_with({{"X-Color", "blue"}});
  CHECK(b.look().what == Lookup::What::kJoin);  // nothing is known yet
  b.ask_with({{"X-Color", "red"}});
  b.index.publish(b.key, first.busy, b.object(60s, {"x-color"}));
  std::vector<Ref<Busy>> leads;
  for (const char* color : {"blue", "green", "white"}) {
    CAPTURE(color);
    b.ask_with({{"X-Color", color}});
    const Lookup lead = b.look();
    CHECK(lead.what == Lookup::What::kLead);
    leads.push_back(lead.busy);
    const Lookup join = b.look();
    CHECK(join.what == Lookup::What::kJoin);
    CHECK(join.busy == lead.busy);
  }
  b.index.publish(b.key, leads[2], b.object(60s, {"x-color"}));
  CHECK(b.look().what == Lookup::What::kHit);
  b.ask_with({{"X-Color", "blue"}});
  CHECK(b.look().busy == leads[0]);
}

TEST_CASE("so many fetches of one key are led and so many variants kept, and no more") {
  Bench b;
  b.ask_with({{"X-Color", "first"}});
  b.index.publish(b.key, b.look().busy, b.object(60s, {"x-color"}));
  std::size_t leads = 0, passes = 0;
  std::vector<std::pair<std::string, Ref<Busy>>> begun;
  for (std::size_t i = 0; i < 2 * Index::kLeadsMost; ++i) {
    const std::string color = std::to_string(i);
    b.ask_with({{"X-Color", color}});
    const Lookup found = b.look();
    leads += found.what == Lookup::What::kLead ? 1 : 0;
    passes += found.what == Lookup::What::kPass ? 1 : 0;
    if (found.busy) begun.emplace_back(color, found.busy);
  }
  CHECK(leads == Index::kLeadsMost);
  CHECK(passes == Index::kLeadsMost);
  for (const auto& [color, busy] : begun) {
    b.ask_with({{"X-Color", color}});
    b.index.publish(b.key, busy, b.object(60s, {"x-color"}));
  }
  CHECK(b.index.stats().objects == Index::kVariantsMost);
  CHECK(b.look().what == Lookup::What::kHit);
  b.ask_with({{"X-Color", "first"}});
  CHECK(b.look().what == Lookup::What::kLead);  // the least recent one went
}

TEST_CASE("of several objects that match the most recent one answers") {  // RFC 9111 §4.1
  Bench b;
  b.ask_with({{"A", "1"}, {"B", "1"}});
  const auto by_a = b.object(60s, {"a"});
  b.index.publish(b.key, b.look().busy, by_a);
  const auto by_both = b.object(60s, {"a", "b"});
  b.index.publish(b.key, b.look(kNow + 61s).busy, by_both);
  CHECK(b.look().object == by_both);
  b.ask_with({{"A", "1"}, {"B", "2"}});
  CHECK(b.look().object == by_a);
  b.ask_with({{"A", "1"}, {"B", "1"}});
  const auto again = b.object(60s, {"a"});
  b.index.publish(b.key, b.look(kNow + 61s).busy, again);
  CHECK(b.look().object == again);
  CHECK(b.index.stats().objects == 2);
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
  const Lookup anew = b.look();
  CHECK(anew.what == Lookup::What::kLead);
  b.index.publish(b.key, lead.busy, b.object(60s));
  CHECK(b.look().busy == anew.busy);
  const auto object = b.object(60s);
  b.index.publish(b.key, anew.busy, object);
  CHECK(b.look().object == object);
  CHECK(b.index.stats().busy == 0);
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

TEST_CASE("an object whose last byte was evicted is forgotten, and one with bytes stays") {
  Bench b;
  const auto object = b.object(60s);
  b.index.publish(b.key, b.look().busy, object);
  b.index.emptied(b.key.digest);
  CHECK(b.look().object == object);
  std::vector<Ref<body::Body>> others;
  for (std::uint64_t i = 1; !object->body().empty_of_chunks() && i < 100; ++i) {
    others.push_back(b.body({i, i}, 1 << 20));
  }
  REQUIRE(object->body().empty_of_chunks());
  CHECK(b.index.stats().objects == 0);
  CHECK(b.index.stats().keys == 0);
}

TEST_CASE("an object that is given up is forgotten at once") {
  Bench b;
  const auto object = b.object(60s);
  b.index.publish(b.key, b.look().busy, object);
  b.index.forget(b.key, *b.object(60s));  // another one
  CHECK(b.look().what == Lookup::What::kHit);
  b.index.forget(b.key, *object);
  CHECK(b.index.stats().keys == 0);
  CHECK(b.look().what == Lookup::What::kLead);
}

TEST_CASE("what must be kept from others goes to the leader alone") {
  Bench b;
  const Lookup lead = b.look();
  const Lookup other = b.look();
  REQUIRE(other.what == Lookup::What::kJoin);
  const auto full = b.object(60s), stripped = b.object(60s);
  b.index.publish(b.key, lead.busy, stripped, full);
  Waiting waiting;
  Joiner leader, joiner;
  leader.waiter = joiner.waiter = &waiting;
  leader.leader = true;
  CHECK(std::get<Ref<Object>>(lead.busy->join(leader)) == full);
  CHECK(std::get<Ref<Object>>(lead.busy->join(joiner)) == stripped);
  CHECK(b.look().object == stripped);
}

TEST_CASE("a stored part is given to who asks for what it has, and stands beside the whole") {
  Bench b;
  const auto part_of = [&b](std::uint64_t first, std::uint64_t last) {
    ObjectParts parts = b.object(60s)->parts();
    parts.body = b.body(b.key.digest, last - first + 1);
    parts.part = Part{{first, last}, 100};
    return make_ref<Object>(std::move(parts));
  };
  const auto part = part_of(10, 19);
  b.index.insert(b.key, part);
  CHECK(b.look().what == Lookup::What::kLead);
  b.ask_with({{"Range", "bytes=12-15"}});
  CHECK(b.look().object == part);
  b.ask_with({{"Range", "bytes=12-25"}});
  CHECK(b.look().object.get() == nullptr);

  const auto newer = part_of(10, 19);  // in place of the same part, not of others
  const auto other = part_of(20, 29);
  b.index.insert(b.key, other);
  b.index.insert(b.key, newer);
  CHECK(b.index.stats().objects == 2);
  b.ask_with({{"Range", "bytes=12-15"}});
  CHECK(b.look().object == newer);

  const auto whole = b.object(60s);  // in place of all its parts
  b.index.insert(b.key, whole);
  CHECK(b.index.stats().objects == 1);
  b.index.insert(b.key, part_of(30, 39));
  b.request.fields.clear();
  CHECK(b.look().object == whole);
}

TEST_CASE("of one key only so many parts are kept") {
  Bench b;
  for (std::uint64_t at = 0; at < Index::kPartsMost + 3; ++at) {
    ObjectParts parts = b.object(60s)->parts();
    parts.part = Part{{at * 10, at * 10 + 4}, 1000};
    b.index.insert(b.key, make_ref<Object>(std::move(parts)));
  }
  CHECK(b.index.stats().objects == Index::kPartsMost);
  b.ask_with({{"Range", "bytes=0-4"}});
  CHECK(b.look().object.get() == nullptr);  // the least recent one went
}

TEST_CASE("an object is renewed where it stands, and only if it still does") {
  Bench b;
  const auto old = b.object(60s), fresh = b.object(120s);
  b.index.publish(b.key, b.look().busy, old);
  b.index.renew(b.key, *old, fresh);
  CHECK(b.look(kNow + 61s).object == fresh);
  b.index.renew(b.key, *old, b.object(240s));
  CHECK(b.look().object == fresh);
  b.index.purge(b.key);
  b.index.renew(b.key, *fresh, b.object(240s));
  CHECK(b.index.keys() == 0);
}

TEST_CASE("what is stale beyond its keep is no more") {
  Bench b;
  const auto object = b.object({.lifetime = 60s, .keep = 100s});
  b.index.publish(b.key, b.look().busy, object);
  CHECK(b.look(kNow + 160s).object == object);
  CHECK(b.look(kNow + 161s).object.get() == nullptr);
}
