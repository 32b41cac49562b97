#include "store/memory_store.h"

#include <doctest/doctest.h>

#include <random>

#include "body/fake_source.h"

using namespace weir;
using namespace weir::store;
using body::Bell;
using body::Body;
using body::BodyOptions;
using body::BodyReader;
using body::BodyWriter;

namespace {

constexpr std::uint64_t M = 1024 * 1024;
constexpr std::uint64_t kLimit = 16 * M;

struct Bench {
  std::vector<std::uint64_t> emptied;
  MemoryStore store;
  Bell bell;

  explicit Bench(std::uint64_t limit = kLimit, std::uint64_t spare = 4 * M)
      : store({.limit = limit, .spare = spare},
              [this](const Digest& id) { emptied.push_back(id.high); }) {}

  Ref<Body> create(std::uint64_t id, std::uint64_t total, bool refillable = true) {
    return store.create(
        {.id = {id, 0}, .total = total, .meta_bytes = 200, .refillable = refillable});
  }
  // A complete body.
  Ref<Body> full(std::uint64_t id, std::uint64_t total, bool refillable = true) {
    Ref<Body> body = create(id, total, refillable);
    BodyWriter w(body, 0, total, bell);
    REQUIRE(write_upto(w, total) == BodyWriter::Stop::kNone);
    std::move(w).finish();
    return body;
  }
  std::string read(const Ref<Body>& body) {
    BodyReader r(body, 0, body::kUnlimited, bell);
    return read_on(r);
  }
};

}  // namespace

TEST_CASE("bodies of every size come back as they were") {
  for (const std::uint64_t size :
       {0ul, 1ul, 1000ul, 65535ul, 65536ul, 65537ul, 700'000ul, M - 1, M, M + 1, 3 * M + 70'000}) {
    CAPTURE(size);
    Bench b;
    const Ref<Body> body = b.full(1, size);
    CHECK(b.read(body) == fmt::format("{}: end", size));
    CHECK(body->complete());
  }
}

TEST_CASE("what is used is what is there, within 400 bytes for a small body") {
  struct Case {
    std::uint64_t size;
    std::uint64_t payload;  // whole pages in slabs
    std::uint64_t chunks;
  } const cases[] = {
      {0, 0, 1}, {928, 928, 1}, {64 * 1024, 64 * 1024, 1}, {70'000, 73'728, 1}, {2 * M, 2 * M, 2},
  };
  for (const Case& c : cases) {
    CAPTURE(c.size);
    Bench b;
    const std::uint64_t before = b.store.stats().used;
    Ref<Body> body = b.full(1, c.size);
    const std::uint64_t charged = b.store.stats().used - before;
    CHECK(charged >= c.payload + 200 + sizeof(Body));
    CHECK(charged <= c.payload + c.chunks * (200 + 400));
    CHECK(b.store.stats().chunks == c.chunks);
    body = {};
    b.store.give_back(0);
    CHECK(b.store.stats().used == before);
    CHECK(b.store.stats().chunks == 0);
    CHECK(b.store.slab_bytes() == 0);
  }
}

TEST_CASE("large chunks are in a file, small ones are not") {
  Bench b;
  for (const std::uint64_t size : {65535ul, 65536ul, M}) {
    const Ref<Body> body = b.full(size, size);
    BodyReader r(body, 0, size, b.bell);
    const auto next = r.next(10);
    CHECK((std::get<body::Lease>(next).pin->fd() >= 0) == (size >= 65536));
  }
}

TEST_CASE("the keep limit is nine tenths of the store, or less when told") {
  CHECK(MemoryStore({.limit = 100 * M}, {}).keep_limit() == 90 * M);
  CHECK(MemoryStore({.limit = 100 * M, .max_object = 5 * M}, {}).keep_limit() == 5 * M);
}

TEST_CASE("bodies that nobody reads make room, oldest first, and their owner hears of it") {
  Bench b;
  std::vector<Ref<Body>> bodies;
  for (std::uint64_t id = 1; id <= 40; ++id) bodies.push_back(b.full(id, M));
  CHECK(b.store.stats().used <= kLimit);
  CHECK(b.store.stats().refused == 0);
  CHECK(b.store.stats().evicted_chunks == b.emptied.size());
  REQUIRE(b.emptied.size() >= 24);
  for (std::uint64_t i = 0; i < b.emptied.size(); ++i) CHECK(b.emptied[i] == i + 1);
  CHECK(b.read(bodies.back()) == fmt::format("{}: end", M));
  CHECK(b.read(bodies.front()) == fmt::format("0: hole 0..{}", M));
}

TEST_CASE("a body that is used again and again outlives a flood of others") {
  Bench b;
  const Ref<Body> loved = b.full(1, M);
  for (std::uint64_t id = 2; id <= 200; ++id) {
    CHECK(b.read(loved) == fmt::format("{}: end", M));
    b.full(id, M);
  }
}

TEST_CASE("what comes back soon after it was evicted goes to main at once") {
  for (const bool refillable : {true, false}) {
    CAPTURE(refillable);
    Bench b;
    std::vector<Ref<Body>> keep;
    keep.push_back(b.full(1, 3 * M, refillable));
    for (std::uint64_t id = 2; id <= 18; ++id) keep.push_back(b.full(id, M));
    CHECK(keep[0]->present() < 3 * M);
    CHECK(b.store.stats().ghost_hits == 0);
    const Ref<Body> again = b.full(1, 3 * M, refillable);
    CHECK(b.store.stats().ghost_hits == 3);
  }
}

TEST_CASE("a body larger than the store passes through it") {
  Bench b;
  const std::uint64_t total = 40 * M;
  for (const bool refillable : {true, false}) {
    CAPTURE(refillable);
    const Ref<Body> body = b.create(1, total, refillable);
    BodyWriter w(body, 0, total, b.bell);
    BodyReader r(body, 0, total, b.bell);
    for (std::uint64_t at = M / 2; at <= total; at += M / 2) {
      REQUIRE(write_upto(w, at) == BodyWriter::Stop::kNone);
      REQUIRE(read_on(r) == fmt::format("{}: {}", at, at == total ? "end" : "wait"));
      CHECK(b.store.stats().used <= kLimit);
    }
    std::move(w).finish();
    CHECK_FALSE(body->complete());
    CHECK(body->servable() == refillable);
  }
}

TEST_CASE("a body that is being filled and cannot be fetched again goes last") {
  Bench b;
  std::vector<Ref<Body>> others;
  for (std::uint64_t id = 100; id < 110; ++id) others.push_back(b.full(id, M));
  for (int i = 0; i < 2; ++i) {
    for (const Ref<Body>& other : others) b.read(other);  // worth more than what nobody reads
  }
  const Ref<Body> body = b.create(1, 14 * M, false);
  BodyWriter w(body, 0, 14 * M, b.bell);
  CHECK(write_upto(w, 14 * M) == BodyWriter::Stop::kNone);
  CHECK(body->servable());
  std::move(w).finish();
  CHECK(body->complete());
}

TEST_CASE("when all is pinned allocation is refused, and its waiter woken when that ends") {
  Bench b;
  const Ref<Body> pinned = b.create(1, 20 * M, false);
  BodyWriter w(pinned, 0, 20 * M, b.bell);
  std::optional<BodyReader> r;
  Bell reader_bell;
  r.emplace(pinned, 0, 20 * M, reader_bell);
  CHECK(write_upto(w, 20 * M) == BodyWriter::Stop::kNoRoom);
  CHECK(b.store.stats().refused > 0);
  CHECK(b.store.stats().used <= kLimit);
  b.bell.take();
  const std::uint64_t stopped = w.offset();
  r->advance(M - 1);
  CHECK(b.bell.take() == 0);
  r->advance(1);
  CHECK(b.bell.take() == 1);
  CHECK(write_upto(w, 20 * M) == BodyWriter::Stop::kNoRoom);
  CHECK(w.offset() == stopped + M);
  r.reset();
  CHECK(b.bell.take() == 1);
  CHECK(write_upto(w, 20 * M) == BodyWriter::Stop::kNone);
  std::move(w).finish();
}

TEST_CASE("a leased chunk counts until the lease ends") {
  Bench b;
  Ref<Body> body = b.full(1, M);
  BodyReader* reader = new BodyReader(body, 0, M, b.bell);
  {
    const auto next = reader->next(M);
    const auto& lease = std::get<body::Lease>(next);
    delete reader;
    body = {};
    CHECK(b.store.stats().chunks == 1);
    CHECK(b.store.stats().used > M);
    CHECK(body::is_content(lease.bytes, 0));
  }
  CHECK(b.store.stats().chunks == 0);
}

TEST_CASE("a chunk that was sent as a file is not written again before it was punched") {
  Bench b(kLimit, 16 * M);
  for (const bool sent : {true, false}) {
    CAPTURE(sent);
    b.store.give_back(0);
    Ref<Body> body = b.full(1, M);
    int fd = -1;
    std::uint64_t at = 0;
    {
      BodyReader r(body, 0, M, b.bell);
      const auto next = r.next(M);
      body::Chunk& chunk = *std::get<body::Lease>(next).pin;
      if (sent) chunk.mark_file_sent();
      fd = chunk.fd();
      at = chunk.file_offset();
    }
    body = {};
    CHECK(b.store.spare_bytes() == M);
    const Ref<Body> next_body = b.full(2, M);
    BodyReader r(next_body, 0, M, b.bell);
    const auto next = r.next(1);
    const body::Chunk& chunk = *std::get<body::Lease>(next).pin;
    CHECK((chunk.fd() == fd && chunk.file_offset() == at) == !sent);
  }
}

TEST_CASE("spare pages go back to the kernel little by little") {
  Bench b(64 * M, 2 * M);
  {
    std::vector<Ref<Body>> bodies;
    for (std::uint64_t id = 1; id <= 30; ++id) bodies.push_back(b.full(id, M));
    CHECK(b.store.slab_bytes() == 30 * M);
  }
  CHECK(b.store.spare_bytes() == 30 * M);
  for (std::uint64_t id = 1; id <= 28; ++id) b.full(id, 100);
  CHECK(b.store.spare_bytes() == 2 * M);
  CHECK(b.store.slab_bytes() == 2 * M);
}

TEST_CASE("under random load the limit holds, and all memory goes back") {
  Bench b(kLimit, 2 * M);
  const std::uint64_t before = b.store.stats().used;
  {
    std::mt19937 random(5);
    std::vector<Ref<Body>> bodies(300);
    for (int i = 0; i < 3000; ++i) {
      Ref<Body>& body = bodies[random() % bodies.size()];
      const std::uint64_t id = 1 + random() % 500;
      switch (random() % 4) {
        case 0:
          body = {};
          break;
        case 1:
          if (body) b.read(body);
          break;
        default: {
          const std::uint64_t shift = random() % 23;
          const std::uint64_t total = random() % (std::uint64_t{1} << shift);
          body = b.create(id, total, random() % 2 == 0);
          BodyWriter w(body, 0, total, b.bell);
          write_upto(w, total);
          std::move(w).finish();
        }
      }
      REQUIRE(b.store.stats().used <= kLimit);
      if (i % 100 == 0) REQUIRE(b.store.slab_bytes() <= kLimit);
    }
    CHECK(b.store.stats().evicted_chunks > 100);
  }
  b.store.give_back(0);
  CHECK(b.store.stats().used == before);
  CHECK(b.store.stats().chunks == 0);
  CHECK(b.store.slab_bytes() == 0);
}
