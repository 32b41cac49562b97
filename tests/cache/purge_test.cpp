#include "cache/purge.h"

#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "body/text_body.h"
#include "store/memory_store.h"

using namespace std::chrono_literals;

namespace weir::cache {
namespace {

constexpr WallTime kNow{1'000'000s};

struct Bench {
  store::MemoryStore store{{.limit = 16 << 20}, [this](const Digest& id) { index.emptied(id); }};
  Index index;
  http::Request request;
  policy::RequestClass cls;

  static Key key(std::string_view target, std::string_view parts = {}) {
    Key out;
    make_key("http", "example.org", target, out, parts);
    return out;
  }
  Lookup look(const Key& k, WallTime now = kNow) { return index.lookup(k, request, cls, now); }
  Ref<Object> object(std::uint64_t purges, std::string tags = {}, std::string vary = {}) {
    ObjectParts parts;
    parts.head.status = 200;
    parts.freshness = {.response_time = kNow, .lifetime = 60s};
    parts.body = body::text_body(store, "hello");
    parts.tags = std::move(tags);
    parts.purges = purges;
    if (!vary.empty()) {
      parts.vary_names = {"x-color"};
      parts.variant = std::move(vary);
    }
    return make_ref<Object>(std::move(parts));
  }
  // Fetched and stored.
  Ref<Object> put(const Key& k, std::string tags = {}) {
    const Lookup lead = look(k);
    REQUIRE(lead.what == Lookup::What::kLead);
    const auto made = object(lead.busy->purges(), std::move(tags));
    index.publish(k, lead.busy, made);
    return made;
  }
  bool hit(const Key& k) { return look(k).what == Lookup::What::kHit; }
  // In steps of `most`; how many it took goes to `steps`.
  std::size_t purge(PurgeOrder order, std::size_t most = 1000) {
    Purge purge(index, std::move(order));
    REQUIRE(purge.begin(kNow));
    for (steps = 1; !purge.step(most); ++steps) REQUIRE(steps < 10'000);
    return purge.objects();
  }
  int steps = 0;
};

PurgeOrder prefix(const std::string& url, PurgeMode mode = PurgeMode::kHard) {
  return {.mode = mode, .ban = Ban::parse({"url ^= " + url}).value()};
}

}  // namespace

TEST_CASE("a purge concerns what nobody could find when it came") {
  Bench b;
  const Key key = b.key("/a");
  const auto before = b.object(b.index.private_busy()->purges());
  CHECK(b.purge({.urls = {"http://example.org/a"}}) == 0);
  b.index.insert(key, before);
  CHECK_FALSE(b.hit(key));
  const auto after = b.object(b.index.private_busy()->purges());
  b.index.insert(key, after);
  CHECK(b.hit(key));

  const auto fresh = b.object(b.index.private_busy()->purges());
  CHECK(b.purge({.mode = PurgeMode::kSoft, .urls = {"http://example.org/a"}}) == 1);
  b.index.renew(key, *after, fresh);
  CHECK(b.index.view(key, false, kNow).objects.front() == after);
  const auto fresher = b.object(b.index.private_busy()->purges());
  b.index.renew(key, *after, fresher);
  CHECK(b.index.view(key, false, kNow).objects.front() == fresher);
}

TEST_CASE("of an unsafe request's purges only that of its own URL is not held against its answer") {
  Bench b;
  const Key key = b.key("/a");
  const std::string own = "http://example.org/a";
  struct Row {
    PurgeOrder order;
    bool kept;
  };
  const Row rows[] = {
      {{.urls = {own}, .answered = true}, true},
      {{.urls = {own}}, false},
      {{.urls = {own, own}, .answered = true}, false},  // as Location of another request, say
  };
  for (const Row& row : rows) {
    const auto answer = b.object(b.index.private_busy()->purges());
    b.index.insert(key, b.object(b.index.private_busy()->purges()));
    REQUIRE(b.hit(key));
    CHECK(b.purge(row.order) == 1);
    CHECK_FALSE(b.hit(key));
    b.purge({.urls = {"http://example.org/of-another-request"}, .answered = true});
    b.index.insert(key, answer);
    CHECK(b.hit(key) == row.kept);
  }
}

TEST_CASE("a purge of what is being validated concerns what the 304 makes of it") {
  struct Row {
    const char* what;
    std::function<PurgeOrder()> order;
    bool hit, stale;
  };
  const Row rows[] = {
      {"tag that the 304 takes away", [] { return PurgeOrder{.tags = {"a"}}; }, false, false},
      {"the same, soft", [] { return PurgeOrder{.mode = PurgeMode::kSoft, .tags = {"a"}}; }, false,
       true},
      {"ban on a field that it changes",
       [] { return PurgeOrder{.ban = Ban::parse({"field.X-Color = red"}).value()}; }, false, false},
      {"another tag", [] { return PurgeOrder{.tags = {"z"}}; }, true, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Bench b;
    const Key key = b.key("/a");
    const Lookup first = b.look(key);
    ObjectParts parts = b.object(first.busy->purges(), "a b")->parts();
    parts.head.fields.add("X-Color", "red");
    const auto old = make_ref<Object>(parts);
    b.index.publish(key, first.busy, old);
    const Lookup validation = b.look(key, kNow + 61s);
    REQUIRE(validation.what == Lookup::What::kLead);
    b.purge(row.order());
    parts.head.fields.remove("X-Color");
    parts.head.fields.add("X-Color", "blue");
    parts.tags = "b";
    parts.purges = validation.busy->purges();
    b.index.publish(key, validation.busy, make_ref<Object>(parts), {}, old.get());
    CHECK(b.hit(key) == row.hit);
    const auto view = b.index.view(key, false, kNow);
    CHECK((!view.objects.empty() && view.objects.front()->mark().stale_since()) == row.stale);
  }
}

TEST_CASE("a second soft purge concerns what renews the object, too") {
  Bench b;
  const Key key = b.key("/a");
  const auto old = b.put(key);
  const PurgeOrder soft{.mode = PurgeMode::kSoft, .urls = {"http://example.org/a"}};
  CHECK(b.purge(soft) == 1);
  const auto fresh = b.object(b.index.private_busy()->purges());
  CHECK(b.purge(soft) == 0);  // it is stale already
  b.index.renew(key, *old, fresh);
  CHECK(b.index.view(key, false, kNow).objects.front() == old);
}

TEST_CASE("a purge of a URL takes all variants and key parts, and says how many") {
  Bench b;
  const Key plain = b.key("/a"), german = b.key("/a", " cookie:lang=de"), other = b.key("/ab");
  b.put(plain);
  b.put(german);
  b.put(other);
  CHECK(b.purge({.urls = {"http://example.org/a"}}) == 2);
  CHECK(b.index.stats().objects == 1);
  CHECK(b.hit(other));
  CHECK_FALSE(b.hit(plain));
  CHECK_FALSE(b.hit(german));
  CHECK(b.purge({.urls = {"http://example.org/none"}}) == 0);
  CHECK(b.purge({.urls = {"http://example.org/none", "http://example.org/ab"}}, 1) == 1);
}

TEST_CASE("a soft purge makes stale at once, and what is there validates and graces") {
  Bench b;
  const Key k = b.key("/a");
  const auto object = b.put(k, "t");
  CHECK(b.purge({.mode = PurgeMode::kSoft, .urls = {"http://example.org/a"}}) == 1);
  const Lookup found = b.look(k);
  CHECK(found.what == Lookup::What::kLead);
  CHECK(found.object == object);
  CHECK(found.verdict.reason == "stale");
  CHECK(b.look(k).what == Lookup::What::kJoin);  // a crowd still waits for one fetch
  CHECK(b.purge({.mode = PurgeMode::kSoft, .urls = {"http://example.org/a"}}) == 0);
  CHECK(b.purge({.tags = {"t"}}) == 1);
  CHECK_FALSE(static_cast<bool>(b.look(k).object));
}

TEST_CASE("a soft purge lets grace run from now on") {
  policy::Freshness f{.response_time = kNow, .lifetime = 600s, .stale_while_revalidate = 10s};
  f.end(kNow + 100s);
  CHECK(f.ttl(kNow + 100s) == 0s);
  CHECK_FALSE(f.fresh(kNow + 100s));
  CHECK(f.age(kNow + 100s) == 100s);
  CHECK(policy::may_reuse({}, f, kNow + 109s).reuse == policy::Reuse::kStaleServe);
  CHECK(policy::may_reuse({}, f, kNow + 110s).reuse == policy::Reuse::kValidate);
  f.end(kNow + 200s);  // stale already: nothing begins anew
  CHECK(f.ttl(kNow + 110s) == -10s);
  policy::Freshness young{.response_time = kNow, .lifetime = 600s};
  young.end(kNow);
  CHECK(young.ttl(kNow) == 0s);
  CHECK(young.serves_waiters());
}

TEST_CASE("a purge of tags takes what bears one of them") {
  Bench b;
  std::vector<Key> keys;
  for (int i = 0; i < 20; ++i) {
    keys.push_back(b.key("/" + std::to_string(i)));
    b.put(keys.back(), i % 2 == 0 ? "even all" : "odd all");
  }
  CHECK(b.index.tags() == 3);
  CHECK(b.purge({.tags = {"even", "none"}}, 3) == 10);
  CHECK(b.index.stats().objects == 10);
  CHECK_FALSE(b.hit(keys[0]));
  CHECK(b.hit(keys[1]));
  CHECK(b.purge({.mode = PurgeMode::kSoft, .tags = {"all"}}) == 10);
  CHECK(b.index.stats().objects == 10);
  CHECK_FALSE(b.hit(keys[1]));
}

TEST_CASE("a ban holds at once for what is found, and the walk finds the others") {
  Bench b;
  std::vector<Key> keys;
  for (int i = 0; i < 100; ++i) {
    keys.push_back(b.key((i % 4 == 0 ? "/news/" : "/") + std::to_string(i)));
    b.put(keys.back());
  }
  Purge purge(b.index, prefix("http://example.org/news/"));
  REQUIRE(purge.begin(kNow));
  CHECK(b.index.bans() == 1);
  CHECK_FALSE(b.hit(keys[0]));  // before any step
  CHECK(b.hit(keys[1]));
  CHECK(purge.objects() == 1);
  while (!purge.step(7)) {
  }
  CHECK(purge.objects() == 25);
  CHECK(b.index.bans() == 0);
  CHECK(b.index.stats().objects == 75);
  CHECK(b.purge(prefix("http://example.org/", PurgeMode::kSoft), 10) == 75);
  CHECK(b.index.stats().objects == 75);
  CHECK(b.steps > 5);
}

TEST_CASE("a walk takes along what moves meanwhile") {
  Bench b;
  for (int i = 0; i < 500; ++i) b.put(b.key("/old/" + std::to_string(i)));
  Purge purge(b.index, prefix("http://example.org/"));
  REQUIRE(purge.begin(kNow));
  std::size_t young = 0;
  while (!purge.step(64)) {  // the shards grow under it
    for (int i = 0; i < 40; ++i) b.put(b.key("/young/" + std::to_string(young++)));
  }
  CHECK(purge.objects() == 500);
  CHECK(b.index.stats().objects == young);
}

TEST_CASE("each purge counts for what is being fetched") {
  struct Row {
    const char* what;
    PurgeOrder order;
  };
  for (const PurgeMode mode : {PurgeMode::kHard, PurgeMode::kSoft}) {
    for (Row row : {Row{"url", {.mode = mode, .urls = {"http://example.org/a"}}},
                    Row{"tag", {.mode = mode, .tags = {"t"}}},
                    Row{"prefix", prefix("http://example.org/", mode)}}) {
      CAPTURE(std::string(row.what));
      Bench b;
      for (const Key& k : {b.key("/a"), b.key("/a", " rule:x")}) {
        const Lookup lead = b.look(k);
        REQUIRE(lead.what == Lookup::What::kLead);
        b.purge(row.order);
        const auto object = b.object(lead.busy->purges(), "t");
        b.index.publish(k, lead.busy, object);
        CHECK_FALSE(b.hit(k));
        CHECK(std::get<Ref<Object>>(lead.busy->join(*std::make_unique<Joiner>())) == object);
        row.order.ban =
            row.order.ban ? Ban::parse({"url ^= http://example.org/"}).value() : nullptr;
      }
    }
  }
}

TEST_CASE("what was asked for after a purge is kept") {
  Bench b;
  b.purge({.urls = {"http://example.org/a"}, .tags = {"t"}});
  b.purge(prefix("http://example.org/"));
  const Key k = b.key("/a");
  b.put(k, "t");
  CHECK(b.hit(k));
}

TEST_CASE("a 304 after a soft purge makes it fresh again, a 304 under way does not") {
  Bench b;
  const Key k = b.key("/a");
  b.put(k, "t");
  b.purge({.mode = PurgeMode::kSoft, .tags = {"t"}});
  const Lookup after = b.look(k);
  REQUIRE(after.what == Lookup::What::kLead);
  b.purge({.mode = PurgeMode::kSoft, .tags = {"t"}});  // while it is being validated
  b.index.publish(k, after.busy, b.object(after.busy->purges(), "t"));
  const Lookup again = b.look(k);
  REQUIRE(again.what == Lookup::What::kLead);
  b.index.publish(k, again.busy, b.object(again.busy->purges(), "t"));
  CHECK(b.hit(k));
}

TEST_CASE("too many bans at a time are refused") {
  Bench b;
  std::vector<std::unique_ptr<Purge>> under_way;
  for (std::size_t i = 0; i < BanList::kMost; ++i) {
    under_way.push_back(std::make_unique<Purge>(b.index, prefix("http://x/")));
    CHECK(under_way.back()->begin(kNow));
  }
  Purge refused(b.index, prefix("http://x/"));
  CHECK_FALSE(refused.begin(kNow));
  CHECK(under_way.back()->step(1'000'000));  // the youngest walk is enough for all before it
  CHECK(b.index.bans() == 0);
  CHECK(Purge(b.index, prefix("http://x/")).begin(kNow));
}

TEST_CASE("a view shows what is stored under a key") {
  Bench b;
  const Key k = b.key("/a");
  CHECK(b.index.view(k, false, kNow).objects.empty());
  const auto object = b.put(k);
  const Lookup lead = b.look(k, kNow + 61s);
  const Index::View view = b.index.view(k, false, kNow);
  REQUIRE(view.objects.size() == 1);
  CHECK(view.objects[0] == object);
  CHECK(view.fetches == 1);
  CHECK_FALSE(view.passes);
  b.index.pass(k, lead.busy, object, kNow + 100s);
  CHECK(b.index.view(k, false, kNow).passes);
}

TEST_CASE("purges of every kind and lookups run on many threads") {
  Bench b;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      http::Request request;
      for (int i = t; !stop; ++i) {
        const Key k = Bench::key("/" + std::to_string(i % 97), i % 3 == 0 ? " rule:x" : "");
        const Lookup found = b.index.lookup(k, request, {}, kNow);
        if (found.what != Lookup::What::kLead) continue;
        const std::string tags = "all t" + std::to_string(i % 7);
        b.index.publish(k, found.busy, b.object(found.busy->purges(), tags));
      }
    });
  }
  for (int i = 0; i < 150; ++i) {
    const PurgeMode mode = i % 2 == 0 ? PurgeMode::kHard : PurgeMode::kSoft;
    b.purge({.mode = mode, .urls = {"http://example.org/" + std::to_string(i % 97)}}, 5);
    b.purge({.mode = mode, .tags = {"t" + std::to_string(i % 7)}}, 5);
    b.purge(prefix("http://example.org/" + std::to_string(i % 10), mode), 20);
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  b.purge({.tags = {"all"}});
  CHECK(b.index.stats().objects == 0);
  CHECK(b.index.tags() == 0);
}

}  // namespace weir::cache
