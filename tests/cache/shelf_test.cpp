#include "cache/shelf.h"

#include <doctest/doctest.h>

#include <thread>

#include "../store/disk_bench.h"
#include "cache/index.h"
#include "cache/object_blob.h"
#include "cache/purge.h"
#include "store/memory_store.h"

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::cache;

namespace {

constexpr WallTime kNow{1'000'000s};

struct Bench {
  store::DiskBench disk;
  store::MemoryStore memory{{.limit = 16 << 20}, [this](const Digest& id) { index->emptied(id); }};
  std::optional<Index> index;
  std::optional<PurgeLog> log;
  std::optional<Shelf> shelf;
  Key key;
  http::Request request;
  policy::RequestClass cls;
  body::Bell nobody;
  std::string tags;

  explicit Bench(const ShelfSettings& settings = {}) {
    make_key("http", "example.org", "/a", key);
    open(settings);
  }
  ~Bench() {
    disk.store->stop();
    index.reset();
  }
  void open(const ShelfSettings& settings = {}) {
    disk.store->stop();
    index.reset();
    shelf.reset();
    log.reset();
    disk.open();
    index.emplace();
    log.emplace(disk.files, PurgeLog::Settings{.directories = {"/d"}}, kNow);
    log->start();
    shelf.emplace(*disk.store, *log, memory, settings);
    index->set_shelf(*shelf);
  }

  ObjectParts parts(std::string_view etag) {
    ObjectParts p;
    p.head.status = 200;
    p.head.reason = "OK";
    p.head.fields.add("ETag", etag);
    p.head.fields.add("X-Any", "thing");
    p.freshness = {.response_time = kNow, .lifetime = 100s, .has_etag = true};
    return p;
  }
  Ref<body::Body> body(std::uint64_t size) {
    body::BodyOptions options{.id = key.digest, .total = size};
    options.backing = shelf->backing(key, size);
    return memory.create(options);
  }
  Ref<Object> object(std::string_view etag, const std::string& bytes, std::uint64_t purges = 0) {
    ObjectParts p = parts(etag);
    p.tags = tags;
    p.purges = purges;
    p.body = body(bytes.size());
    return make_ref<Object>(std::move(p));
  }
  void allow_parts() {
    while (!shelf->purges().may_store_parts()) std::this_thread::yield();
  }
  static void fill(const Object& object, const std::string& bytes) {
    body::Bell bell;
    body::BodyWriter writer(object.body_ref(), 0, bytes.size(), bell);
    const auto space = writer.space(bytes.size(), {});
    std::memcpy(space.bytes.data(), bytes.data(), bytes.size());
    writer.commit(bytes.size());
    std::move(writer).finish();
  }
  Ref<Object> publish(std::string_view etag, const std::string& bytes) {
    const Lookup lead = index->lookup(key, request, cls, kNow);
    REQUIRE(lead.busy);
    auto made = object(etag, bytes, lead.busy->purges());
    index->publish(key, lead.busy, made);
    fill(*made, bytes);
    return made;
  }
  Lookup look(WallTime now = kNow) { return index->lookup(key, request, cls, now, true, true); }
  // As an Exchange does; null: nothing.
  Ref<Object> load() {
    Lookup found = look();
    if (found.object) return found.object;
    REQUIRE(found.what == Lookup::What::kAbsent);
    if (!shelf->has_more(key)) return nullptr;
    store::Desk desk;
    const auto read = make_ref<store::ReadObjects>(*disk.store, key.digest, desk, desk);
    REQUIRE(disk.store->read(key.digest, read));
    desk.wait();
    shelf->restore(key, read->objects(), *index, kNow);
    return look().object;
  }
};

std::string etag(const Ref<Object>& object) {
  return object ? std::string(*object->head().fields.get("ETag")) : "none";
}

}  // namespace

TEST_CASE("An object comes back as it was, but for its body, and any other bytes are none") {
  Bench b;
  ObjectParts p = b.parts("\"1\"");
  p.head.status = 404;
  p.head.reason = "Not here";
  p.head.version = {1, 0};
  p.freshness = {.response_time = kNow,
                 .initial_age = 3s,
                 .lifetime = 4s,
                 .source = policy::LifetimeSource::kExpires,
                 .stale_while_revalidate = 5s,
                 .stale_if_error = 6s,
                 .keep = 7s,
                 .resting_until = kNow + 8s,
                 .must_revalidate = true,
                 .no_cache = true,
                 .has_etag = true,
                 .has_strong_etag = true,
                 .has_last_modified = true};
  p.vary_names = {"accept", "x"};
  p.variant = "what they were";
  p.length = 77;
  p.part = Part{{10, 19}, 30};
  p.tags = "a b";
  p.purges = 9;
  p.body = b.memory.create({.total = 1});
  const Object object(std::move(p));
  const std::string blob = to_blob("the key", object);
  const auto back = from_blob(blob);
  REQUIRE(back);
  CHECK(back->key == "the key");
  CHECK(back->parts.head.status == 404);
  CHECK(back->parts.head.reason == "Not here");
  CHECK(back->parts.head.version == http::kHttp10);
  CHECK(back->parts.head.fields.size() == 2);
  CHECK(back->parts.head.fields.get("x-any") == "thing");
  CHECK(back->parts.vary_names == object.vary_names());
  CHECK(back->parts.variant == object.variant());
  CHECK(back->parts.length == 77);
  const policy::Freshness& f = back->parts.freshness;
  CHECK(f.response_time == kNow);
  CHECK(f.initial_age == 3s);
  CHECK(f.lifetime == 4s);
  CHECK(f.source == policy::LifetimeSource::kExpires);
  CHECK(f.stale_while_revalidate == 5s);
  CHECK(f.stale_if_error == 6s);
  CHECK(f.keep == 7s);
  CHECK(f.resting_until == kNow + 8s);
  CHECK(back->parts.part == Part{{10, 19}, 30});
  CHECK(back->parts.tags == "a b");
  CHECK(back->parts.purges == 9);
  CHECK(f.must_revalidate);
  CHECK(f.no_cache);
  CHECK(f.has_etag);
  CHECK(f.has_strong_etag);
  CHECK(f.has_last_modified);
  for (std::size_t n = 0; n < blob.size(); ++n) CHECK_FALSE(from_blob(blob.substr(0, n)));
  CHECK_FALSE(from_blob(blob + "x"));
  std::string other = blob;
  other[0] ^= 1;
  CHECK_FALSE(from_blob(other));
}

TEST_CASE("What was published is found after a start, fresh as long as it would have been") {
  Bench b;
  b.publish("\"1\"", "hello");
  b.disk.store->flush();
  b.open();
  const auto object = b.load();
  REQUIRE(etag(object) == "\"1\"");
  CHECK(object->body().total() == 5);
  CHECK(object->freshness().ttl(kNow + 40s) == 60s);
  CHECK(object->body().servable());
  CHECK(object->body().present() == 0);
  CHECK(b.load() == object);  // from the index now
}

TEST_CASE("Purged, forgotten and replaced objects do not come back") {
  for (const char* how : {"purge", "forget", "replace", "replace unstored"}) {
    CAPTURE(how);
    Bench b;
    auto object = b.publish("\"1\"", "hello");
    b.disk.store->flush();
    std::string expected = "none";
    if (how == std::string("purge")) {
      b.index->purge(b.key);
    } else if (how == std::string("forget")) {
      b.index->forget(b.key, *object);
    } else {
      if (how == std::string("replace unstored")) {
        b.shelf.emplace(*b.disk.store, *b.log, b.memory, ShelfSettings{.object_min = 1000});
      } else {
        expected = "\"2\"";
      }
      const Lookup lead = b.index->lookup(b.key, b.request, b.cls, kNow + 500s);
      REQUIRE(lead.what == Lookup::What::kLead);
      auto next = b.object("\"2\"", "world", lead.busy->purges());
      b.index->publish(b.key, lead.busy, next);
      Bench::fill(*next, "world");
    }
    b.disk.store->flush();
    object = nullptr;
    b.open();
    CHECK(etag(b.load()) == expected);
  }
}

TEST_CASE("A description that no writer makes is none, though its checksum were right") {
  Bench b;
  const std::string good = to_blob("key", Object([&] {
                                     ObjectParts p = b.parts("\"1\"");
                                     p.body = b.memory.create({.id = b.key.digest});
                                     return p;
                                   }()));
  REQUIRE(from_blob(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) CHECK_FALSE(from_blob(good.substr(0, cut)));
  // Each number in turn as large as can be: an answer, or none, and no overflow on the way.
  for (std::size_t at = 2; at + 8 <= good.size(); ++at) {
    std::string bad = good;
    bad.replace(at, 8, 8, '\x7f');
    if (const auto found = from_blob(bad)) {
      (void)found->parts.freshness.age(kNow);
      (void)found->parts.freshness.ttl(kNow);
    }
  }
}

TEST_CASE("What is purged while it is being read back stays away") {
  Bench b;
  b.publish("\"1\"", "hello");
  b.disk.store->flush();
  b.open();
  const auto found = b.disk.store->bodies(b.key.digest).all;
  REQUIRE(found == 1);
  store::Desk desk;
  const auto read = make_ref<store::ReadObjects>(*b.disk.store, b.key.digest, desk, desk);
  REQUIRE(b.disk.store->read(b.key.digest, read));
  desk.wait();
  REQUIRE(read->objects().size() == 1);
  b.index->purge(b.key);
  b.shelf->restore(b.key, read->objects(), *b.index, kNow);
  CHECK(b.look().what == Lookup::What::kAbsent);
}

TEST_CASE("second-hit: what was asked for once is not stored, what came twice is, with its bytes") {
  const ShelfSettings settings{.second_hit = true};
  Bench b(settings);
  const auto object = b.publish("\"1\"", "hello");
  b.disk.store->flush();
  CHECK(b.disk.store->bodies(b.key.digest).all == 0);
  b.shelf->hit(b.key, *object, *b.index);
  b.shelf->hit(b.key, *object, *b.index);
  b.disk.store->flush();
  CHECK(b.disk.store->bodies(b.key.digest).all == 1);
  CHECK(Shelf::disk_body(*object)->holds(0));
}

TEST_CASE("second-hit: what was replaced while it was put on disk does not stay there") {
  Bench b({.second_hit = true});
  const auto old = b.publish("\"1\"", "hello");
  b.index->take(b.key, *old);  // as another worker does between lookup and hit
  b.shelf->hit(b.key, *old, *b.index);
  b.disk.store->flush();
  CHECK(b.disk.store->bodies(b.key.digest).all == 0);
}

TEST_CASE("What cannot be put on disk leaves nothing older of it there") {
  Bench b;
  b.publish("\"1\"", "hello");
  b.disk.store->flush();
  CHECK(b.disk.store->bodies(b.key.digest).all == 1);
  ObjectParts other = b.parts("\"2\"");
  other.body = b.memory.create({.id = b.key.digest, .total = 5});  // without a place on disk
  b.shelf->kept(b.key, *make_ref<Object>(std::move(other)));
  CHECK(b.disk.store->bodies(b.key.digest).all == 0);
}

TEST_CASE("What was stored by a clock that has been put back is stale") {
  for (const auto& [now, expected] : {std::pair{kNow, "fresh"}, std::pair{kNow - 59s, "fresh"},
                                      std::pair{kNow - 86'400s, "stale"}}) {
    Bench b;
    b.publish("\"1\"", "hello");
    b.disk.store->flush();
    b.open();
    store::Desk desk;
    const auto read = make_ref<store::ReadObjects>(*b.disk.store, b.key.digest, desk, desk);
    REQUIRE(b.disk.store->read(b.key.digest, read));
    desk.wait();
    b.shelf->restore(b.key, read->objects(), *b.index, now);
    const auto objects = b.index->view(b.key, false, now).objects;
    REQUIRE(objects.size() == 1);
    CHECK((objects[0]->freshness().fresh(now + 1s) ? "fresh" : "stale") == std::string(expected));
  }
}

TEST_CASE("Bodies below or above the bounds are not stored") {
  Bench b({.object_min = 10, .object_max = 20});
  CHECK_FALSE(b.shelf->backing(b.key, 9));
  CHECK(b.shelf->backing(b.key, 10));
  CHECK(b.shelf->backing(b.key, 20));
  CHECK_FALSE(b.shelf->backing(b.key, 21));
  CHECK(b.shelf->backing(b.key, {}));
}

namespace {

// One purge of each kind that concerns what Bench publishes, and one that does not.
struct Named {
  std::string name;
  PurgeOrder order;
};
std::vector<Named> purges(PurgeMode mode, bool meant) {
  const std::string to = meant ? "a" : "b";
  return {{"url", {.mode = mode, .urls = {"http://example.org/" + to}}},
          {"tag", {.mode = mode, .tags = {"t" + to}}},
          {"ban", {.mode = mode, .ban = *Ban::parse({"path ^= /" + to})}}};
}

void carry_out(Bench& b, const PurgeOrder& order) {
  Purge purge(*b.index, order);
  REQUIRE(purge.begin(kNow));
  while (!purge.step(1)) {
  }
}

std::string fate(const Ref<Object>& object) {
  if (!object) return "gone";
  return object->freshness().fresh(kNow + 1s) ? "fresh" : "stale";
}

}  // namespace

TEST_CASE("A purge reaches what is on disk alone, and what is there beneath memory, for good") {
  for (const bool parts : {false, true}) {
    for (const PurgeMode mode : {PurgeMode::kHard, PurgeMode::kSoft}) {
      for (const bool meant : {true, false}) {
        for (const Named& named : purges(mode, meant)) {
          for (const bool in_memory : {true, false}) {
            for (const bool restarted : {true, false}) {
              CAPTURE(parts);
              CAPTURE(static_cast<int>(mode));
              CAPTURE(meant);
              CAPTURE(named.name);
              CAPTURE(in_memory);
              CAPTURE(restarted);
              Bench b;
              b.tags = "ta u";
              if (parts) make_key("http", "example.org", "/a", b.key, " cookie:lang=de");
              if (parts) b.allow_parts();
              b.publish("\"1\"", "hello");
              b.disk.store->flush();
              if (!in_memory) b.open();
              carry_out(b, named.order);
              if (restarted) b.open();
              const char* expected = mode == PurgeMode::kHard ? "gone" : "stale";
              CHECK(fate(b.load()) == (meant ? expected : "fresh"));
              b.open();
              CHECK(fate(b.load()) == (meant ? expected : "fresh"));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("What is stored after a purge is not concerned by it, nor after a start") {
  Bench b;
  b.tags = "ta u";
  for (const PurgeMode mode : {PurgeMode::kHard, PurgeMode::kSoft}) {
    for (const Named& named : purges(mode, true)) {
      CAPTURE(named.name);
      carry_out(b, named.order);
      carry_out(b, purges(PurgeMode::kHard, true)[0].order);
      Lookup lead = b.index->lookup(b.key, b.request, b.cls, kNow);
      REQUIRE(lead.what == Lookup::What::kLead);
      auto made = b.object("\"2\"", "hello", lead.busy->purges());
      b.index->publish(b.key, lead.busy, made);
      Bench::fill(*made, "hello");
      b.disk.store->flush();
      made = nullptr;
      lead = {};
      b.open();
      CHECK(fate(b.load()) == "fresh");
    }
  }
}

TEST_CASE("What is purged while it is being fetched is neither kept nor on disk after a start") {
  for (const Named& named : purges(PurgeMode::kHard, true)) {
    CAPTURE(named.name);
    Bench b;
    b.tags = "ta u";
    Lookup lead = b.index->lookup(b.key, b.request, b.cls, kNow);
    carry_out(b, named.order);
    auto made = b.object("\"1\"", "hello", lead.busy->purges());
    b.index->publish(b.key, lead.busy, made);
    Bench::fill(*made, "hello");
    b.disk.store->flush();
    CHECK(fate(b.load()) == "gone");
    made = nullptr;
    lead = {};
    b.open();
    CHECK(fate(b.load()) == "gone");
  }
}

TEST_CASE("A description that comes late, of an object with a newer one, takes nothing away") {
  Bench b;
  auto first = b.publish("\"1\"", "hello");
  b.disk.store->flush();
  const auto renewed = [&](Seconds lifetime) {
    ObjectParts p = first->parts();
    p.freshness.lifetime = lifetime;
    return make_ref<Object>(std::move(p));
  };
  b.index->renew(b.key, *first, renewed(200s));
  b.index->renew(b.key, *first, renewed(300s));  // `first` is not there any more
  b.disk.store->flush();
  first = nullptr;
  b.open();
  const auto back = b.load();
  REQUIRE(back);
  CHECK(back->freshness().ttl(kNow) == 200s);
}

TEST_CASE("Parts of a representation stand beside one another; the whole takes their place") {
  Bench b;
  const auto publish = [&](std::optional<Part> part, std::string_view etag) {
    const Lookup lead = b.index->lookup(b.key, b.request, b.cls, kNow + 200s);
    REQUIRE(lead.busy);
    ObjectParts p = b.parts(etag);
    p.part = part;
    p.purges = lead.busy->purges();
    p.body = b.body(5);
    const auto object = make_ref<Object>(std::move(p));
    b.index->publish(b.key, lead.busy, object);
    Bench::fill(*object, "hello");
  };
  publish(Part{{0, 4}, 20}, "\"1\"");
  publish(Part{{10, 14}, 20}, "\"1\"");
  publish(Part{{10, 14}, 20}, "\"2\"");
  b.disk.store->flush();
  CHECK(b.disk.store->bodies(b.key.digest).all == 2);
  b.open();
  CHECK_FALSE(b.load());  // neither answers a request for all of it
  b.request.fields.add("Range", "bytes=11-12");
  const auto part = b.load();
  REQUIRE(etag(part) == "\"2\"");
  CHECK(part->part() == Part{{10, 14}, 20});
  publish({}, "\"3\"");
  b.disk.store->flush();
  CHECK(b.disk.store->bodies(b.key.digest).all == 1);
}
