#include "proxy/compression.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <utility>

#include "body/fake_source.h"
#include "net/loop.h"
#include "store/memory_store.h"
#include "store/transit.h"
#include "support/content.h"
#include "support/decoder.h"

using namespace weir;
using namespace weir::proxy;

namespace {

struct NoLog final : AccessSink {
  bool wanted() const override { return false; }
  void write(const AccessEntry&) override {}
};

// The house of a worker that has nothing but what a Compression needs, and a stored object that
// comes when the test says so.
struct Bench {
  net::Loop loop;
  cache::Index index;
  store::MemoryStore store{{.limit = 16 << 20}, {}};
  store::Transit transit{store, nullptr, 1 << 20};
  NoLog log;
  Stats stats;
  PurgeGate gate;
  Purger purger{loop, index, gate, stats.purges};
  House house{.loop = loop,
              .index = index,
              .store = store,
              .transit = transit,
              .source = store,
              .access = log,
              .stats = stats,
              .purger = purger,
              .routes = make_ref<Routes>(std::make_shared<SiteTable>(std::vector<Site>{}),
                                         std::vector<std::shared_ptr<Origin>>{}),
              .compress_memory = 64 << 20};
  body::FakeSource room;  // for the form
  body::Bell bell;
  Ref<cache::Object> object;
  std::optional<body::BodyWriter> origin;
  Ref<body::Body> form;
  std::string sent;  // by the origin so far

  explicit Bench(std::optional<std::uint64_t> total = {}) {
    cache::ObjectParts parts;
    parts.body = store.create({.total = total});
    origin.emplace(parts.body, 0, body::kUnlimited, bell);
    object = make_ref<cache::Object>(std::move(parts));
    form = make_ref<body::Body>(room, body::BodyOptions{});
  }

  Ref<Compression> start(http::Coding coding = http::Coding::kGzip,
                         std::uint64_t most = 1ULL << 40) {
    Compression::Order order{object, {"http://a/b", {}}, coding, 4, most, form, {}};
    auto encoder = Compression::encoder(house, order);
    if (!encoder) return nullptr;
    return Compression::start(house, std::move(order), std::move(encoder));
  }
  void send(std::size_t n) {
    std::string bytes(n, ' ');
    test::fill_content(9, sent.size(), bytes);
    sent += bytes;
    for (std::size_t at = 0; at < n;) {
      std::byte passed[1];
      const auto space = origin->space(n - at, passed);
      const std::size_t some = std::min(space.bytes.size(), n - at);
      REQUIRE(some > 0);
      std::memcpy(space.bytes.data(), bytes.data() + at, some);
      origin->commit(some);
      at += some;
    }
  }
  void end() {
    std::move(*origin).finish();
    origin.reset();
  }
  // Until nothing is left to do: a turn takes 64 KiB.
  void turn() {
    struct Stop final : Task {
      explicit Stop(net::Loop& l) : loop(l) {}
      void run() noexcept override { loop.stop(); }
      net::Loop& loop;
    } stop(loop);
    for (int i = 0; i < 100; ++i) {
      loop.post(stop);
      loop.run();
    }
  }
  void look(Compression& compression) {
    net::Timer timer(loop, compression);
    compression.on_timer(timer);
  }
  bool over() const { return house.compressions.empty(); }
};

// What a reader of the form gets now, and how it ends.
std::string read(body::BodyReader& reader, std::string& into) {
  for (;;) {
    body::Next next = reader.next(SIZE_MAX);
    if (const auto* lease = std::get_if<body::Lease>(&next)) {
      into.append(reinterpret_cast<const char*>(lease->bytes.data()), lease->bytes.size());
      reader.advance(lease->bytes.size());
      continue;
    }
    if (const auto* why = std::get_if<Error>(&next)) return std::string(info(*why).name);
    return std::holds_alternative<body::End>(next) ? "end" : "wait";
  }
}

constexpr http::Coding kCodings[] = {http::Coding::kGzip, http::Coding::kBrotli};

}  // namespace

TEST_CASE("What came is readable before more comes, and the end is the end") {
  for (const http::Coding coding : kCodings) {
    Bench b;
    REQUIRE(b.start(coding));
    CHECK(b.house.compress_used > 0);
    body::BodyReader reader(b.form, 0, body::kUnlimited, b.bell);
    std::string coded;
    for (const std::size_t n : {std::size_t{1}, std::size_t{1000}, std::size_t{300'000}}) {
      b.send(n);
      b.turn();
      CHECK(read(reader, coded) == "wait");
      const test::Decoded decoded = test::decode(http::name(coding), coded);
      CHECK(decoded.bytes == b.sent);
      CHECK_FALSE(decoded.ended);
    }
    b.end();
    b.turn();
    CHECK(read(reader, coded) == "end");
    CHECK(test::decode(http::name(coding), coded).whole());
    CHECK(test::decode(http::name(coding), coded).bytes == b.sent);
    CHECK(b.over());
    CHECK(b.house.compress_used == 0);
    const CodingStats& stats = b.stats.codings[static_cast<std::size_t>(coding)];
    CHECK(stats.made.get() == 1);
    CHECK(stats.in.get() == b.sent.size());
    CHECK(stats.out.get() == coded.size());
  }
}

TEST_CASE("A source that fails makes the form fail: failed is never shown as ended") {
  for (const http::Coding coding : kCodings) {
    Bench b(500'000);
    REQUIRE(b.start(coding));
    body::BodyReader reader(b.form, 0, body::kUnlimited, b.bell);
    b.send(200'000);
    b.turn();
    std::move(*b.origin).fail(Error{Errc::kOriginCut});
    b.origin.reset();
    b.turn();
    std::string coded;
    CHECK(read(reader, coded) == info(Errc::kOriginCut).name);
    CHECK_FALSE(test::decode(http::name(coding), coded).ended);
    CHECK(b.over());
    CHECK(b.house.compress_used == 0);
    CHECK_FALSE(b.form->servable());
  }
}

TEST_CASE("What is longer than is worth it is only wrapped from there on") {
  for (const http::Coding coding : kCodings) {
    Bench b;
    REQUIRE(b.start(coding, 100'000));
    const std::size_t before = 200'000;  // a turn may go a little beyond
    b.send(before);
    b.turn();
    body::BodyReader reader(b.form, 0, body::kUnlimited, b.bell);
    std::string coded;
    CHECK(read(reader, coded) == "wait");
    const std::size_t at = coded.size();
    b.send(1'000'000);
    b.end();
    b.turn();
    CHECK(read(reader, coded) == "end");
    CHECK(coded.size() - at >= 1'000'000);
    CHECK(coded.size() - at <= 1'001'000);
    CHECK(test::decode(http::name(coding), coded).whole());
    CHECK(test::decode(http::name(coding), coded).bytes == b.sent);
  }
}

TEST_CASE("Without room for its begin there is no form; nothing is left of it") {
  Bench b;
  b.room.budget = 1000;
  CHECK_FALSE(b.start());
  CHECK(b.over());
  CHECK(b.house.compress_used == 0);
  CHECK(b.room.waiting() == 0);
  CHECK_FALSE(b.form->servable());
}

TEST_CASE("Room that is missing for a while is waited for, and not for ever") {
  for (const bool comes : {true, false}) {
    Bench b;
    b.room.budget = 100'000;
    const Ref<Compression> compression = b.start();
    REQUIRE(compression);
    body::BodyReader reader(b.form, 0, body::kUnlimited, b.bell);
    b.send(400'000);
    b.end();
    b.turn();
    CHECK_FALSE(b.over());
    b.look(*compression);
    CHECK_FALSE(b.over());
    std::string coded;
    if (comes) {
      b.room.budget = body::kUnlimited;
      b.room.unpinned();
      b.turn();
      CHECK(read(reader, coded) == "end");
      CHECK(test::gunzip(coded).bytes == b.sent);
    } else {
      b.house.room_patience = Duration{0};
      b.look(*compression);
      CHECK(read(reader, coded) == info(Errc::kNoSpace).name);
      CHECK_FALSE(test::gunzip(coded).ended);
    }
    CHECK(b.over());
    CHECK(b.house.compress_used == 0);
  }
}

TEST_CASE("A form that nobody reads is finished only if its source is here") {
  for (const bool here : {true, false}) {
    Bench b(1'000'000);
    const Ref<Compression> compression = b.start();
    REQUIRE(compression);
    b.send(here ? 1'000'000 : 500'000);
    for (int i = 0; i < 3; ++i) b.look(*compression);
    CHECK(b.over() != here);
    if (here) b.end();
    b.turn();
    CHECK(b.over());
    CHECK(b.form->servable() == here);
    if (b.origin) std::move(*b.origin).abandon();
    b.origin.reset();
  }
}

TEST_CASE("One that waits for a reader who is gone ends, though its source is here") {
  Bench b;
  b.form = make_ref<body::Body>(b.room, body::BodyOptions{.lead_limit = 50'000});
  const Ref<Compression> compression = b.start();
  REQUIRE(compression);
  b.send(400'000);
  b.end();
  b.turn();
  CHECK_FALSE(b.over());
  for (int i = 0; i < 3; ++i) b.look(*compression);
  CHECK(b.over());
}

TEST_CASE("The memory of all encoders of a worker is bounded, and comes back") {
  Bench b;
  b.house.compress_memory = http::Encoder::footprint(http::Coding::kGzip, 4, {});
  const Ref<Compression> first = b.start();
  REQUIRE(first);
  const Ref<body::Body> form =
      std::exchange(b.form, make_ref<body::Body>(b.room, body::BodyOptions{}));
  CHECK_FALSE(b.start());
  first->cancel();
  first->cancel();
  CHECK(b.over());
  CHECK_FALSE(form->servable());
  const Ref<Compression> second = b.start();
  CHECK(second);
  second->cancel();
}
