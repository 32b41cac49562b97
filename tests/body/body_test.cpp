#include "body/body.h"

#include <doctest/doctest.h>

#include <optional>

#include "body/fake_source.h"

using namespace weir;
using namespace weir::body;

namespace {

constexpr std::uint64_t M = kChunkSize;

struct Bench {
  FakeSource source;
  Bell bell;
  Bell writer_bell;
  Ref<Body> body;
  BodyWriter w;

  // A body of `total` bytes, filled up to `upto` by a writer that still lives.
  Bench(BodyOptions options, std::uint64_t total, std::uint64_t upto)
      : body(make_ref<Body>(source, with_total(options, total))),
        w(body, 0, kUnlimited, writer_bell) {
    write_upto(w, upto);
  }
  static BodyOptions with_total(BodyOptions options, std::uint64_t total) {
    options.total = total;
    return options;
  }
  Ref<Chunk> chunk(std::uint32_t index) {
    BodyReader r(body, index * M, index * M + 1, bell);
    const Next next = r.next(1);
    return std::get<Lease>(next).pin;
  }
  bool evict(std::uint32_t index, Need need = Need::kUsual) {
    return body->evict(index, *chunk(index), need);
  }
};

const BodyOptions kRefillable{.refillable = true};
const BodyOptions kOnce{};
constexpr auto kPressing = Need::kPressing;  // whoever is on the way to the chunk

}  // namespace

TEST_CASE("a body at rest is small") { CHECK(sizeof(Body) <= 96); }

TEST_CASE("chunks of a refillable body go one by one, but for what a writer fills") {
  Bench b(kRefillable, 4 * M, 2 * M + 100);
  BodyReader reader(b.body, 0, kUnlimited, b.bell);
  CHECK(look(reader) == "lease 1048576");
  CHECK(b.evict(0, kPressing));
  CHECK(b.evict(1, kPressing));
  CHECK_FALSE(b.evict(2, kPressing));
  CHECK(b.body->present() == 100);
  CHECK(b.body->servable());
  CHECK(look(reader) == "hole 0..2097152");
  std::move(b.w).abandon();
  CHECK(b.evict(2, kPressing));
  CHECK(b.body->empty_of_chunks());
  CHECK(b.source.emptied() == 1);
  CHECK(b.source.chunks() == 0);
  CHECK(b.source.released() == 3);
}

TEST_CASE("what a reader of a fill is about to come to goes only when pressed") {
  Bench b(kRefillable, 8 * M, 4 * M);
  const auto go = [&](BodyReader& reader, std::uint64_t bytes) {
    for (; bytes > 0; bytes -= M) {
      REQUIRE(look(reader) == "lease 1048576");
      reader.advance(M);
    }
  };
  BodyReader ahead(b.body, 0, kUnlimited, b.bell);
  BodyReader slow(b.body, 0, kUnlimited, b.bell);
  go(ahead, 3 * M);
  go(slow, M);
  CHECK(b.evict(0));
  CHECK_FALSE(b.evict(1));
  CHECK_FALSE(b.evict(2));
  const int before = b.source.unpinned_count();
  go(slow, M);
  CHECK(b.source.unpinned_count() > before);  // chunk 1: the last that was to come has passed
  CHECK(b.evict(1));
  CHECK(b.evict(2, kPressing));
  CHECK(look(slow) == "hole 2097152..3145728");
}

TEST_CASE("for a reader that was left behind only what it needs soon is kept") {
  constexpr std::uint64_t kFar = kSoon / M + 4;
  Bench b(kRefillable, 64 * M, 32 * M);
  BodyReader slow(b.body, 0, kUnlimited, b.bell);
  REQUIRE(look(slow) == "lease 1048576");
  CHECK_FALSE(b.evict(kFar));
  CHECK(b.evict(0, kPressing));
  CHECK(b.evict(kFar));
  CHECK_FALSE(b.evict(2));
  SUBCASE("until it has caught up with the fill") {
    BodyReader tail(b.body, 31 * M, kUnlimited, b.bell);
    REQUIRE(look(tail) == "lease 1048576");
    CHECK(b.evict(31, kPressing));  // left behind
    CHECK(b.evict(30));
    write_upto(b.w, 33 * M);
    tail.advance(2 * M);
    REQUIRE(look(tail) == "wait");
    write_upto(b.w, 64 * M);
    CHECK_FALSE(b.evict(60));
  }
}

TEST_CASE("a patient writer is not given room that must be pressed for, until it presses") {
  Bench b(kRefillable, 8 * M, 0);
  b.w.be_patient();
  write_upto(b.w, M);
  CHECK(b.source.last_need() == Need::kUsual);
  b.w.press(M);
  write_upto(b.w, 2 * M);
  CHECK(b.source.last_need() == Need::kPressing);
  write_upto(b.w, 3 * M);
  CHECK(b.source.last_need() == Need::kUsual);
}

TEST_CASE("a body that loses all its chunks while it fills is not called empty before the end") {
  Bench b(kRefillable, 4 * M, M);
  CHECK(b.evict(0));
  CHECK(b.body->empty_of_chunks());
  CHECK(b.source.emptied() == 0);
  std::move(b.w).abandon();
  CHECK(b.source.emptied() == 1);
}

TEST_CASE("a chunk that is not there any more counts as gone, unless a writer is about to put it") {
  Bench b(kRefillable, 2 * M, M);
  const Ref<Chunk> old = b.chunk(0);
  CHECK(b.body->evict(0, *old));
  CHECK(b.body->evict(0, *old));
  CHECK(b.body->evict(7, *old));
  std::vector<std::byte> scratch(10);
  b.w.space(0, scratch);
  CHECK_FALSE(b.body->evict(1, *old));
  std::move(b.w).abandon();
}

TEST_CASE("a complete body that cannot be fetched again goes whole, and not while it is read") {
  Bench b(kOnce, 4 * M, 4 * M);
  std::move(b.w).finish();
  const Ref<Chunk> chunk = b.chunk(1);
  {
    BodyReader reader(b.body, 3 * M, kUnlimited, b.bell);
    CHECK_FALSE(b.body->evict(1, *chunk));
    CHECK(read_on(reader) == fmt::format("{}: end", 4 * M));
    CHECK(b.body->servable());
    CHECK(b.body->evict(1, *chunk));  // that reader has all it wanted
  }
  CHECK(b.body->empty_of_chunks());
  CHECK_FALSE(b.body->servable());
  CHECK_FALSE(b.body->complete());
  CHECK(b.source.released() == 4);
  CHECK(b.source.emptied() == 1);
  CHECK(b.source.chunks() == 1);  // ours
}

TEST_CASE("what is dropped as it is passed stays until its first reader has come") {
  for (const bool whole : {false, true}) {
    CAPTURE(whole);
    FakeSource source;
    Bell bell;
    BodyOptions options;
    options.drop_passed = true;
    options.total = 100;
    const auto body = make_ref<Body>(source, options);
    std::optional<BodyWriter> w(std::in_place, body, 0, kUnlimited, bell);
    write_upto(*w, whole ? 100 : 50);
    if (whole) std::move(*w).finish();
    const Chunk& chunk = source.newest();
    CHECK_FALSE(body->evict(0, chunk));
    CHECK_FALSE(body->evict(0, chunk, kPressing));
    {
      BodyReader reader(body, 0, kUnlimited, bell);
      CHECK_FALSE(body->evict(0, chunk, kPressing));
      CHECK(read_on(reader) == (whole ? "100: end" : "50: wait"));
    }
    if (whole) CHECK(body->evict(0, chunk));
  }
}

TEST_CASE("a body that cannot be fetched again is taken apart while it fills only when pressed") {
  Bench b(kOnce, 8 * M, 4 * M);
  const Ref<Chunk> first = b.chunk(0);
  const Ref<Chunk> third = b.chunk(2);
  BodyReader reader(b.body, 0, kUnlimited, b.bell);
  reader.advance(2 * M);
  CHECK_FALSE(b.body->evict(0, *first));
  CHECK_FALSE(b.body->evict(2, *third, kPressing));  // still to be read
  CHECK(b.body->servable());
  CHECK(b.body->evict(0, *first, kPressing));
  CHECK_FALSE(b.body->servable());
  BodyReader late(b.body, 0, kUnlimited, b.bell);
  CHECK(look(late) == "error no_space");
  CHECK(write_upto(b.w, 8 * M) == BodyWriter::Stop::kNone);
  std::move(b.w).finish();
  CHECK(read_on(reader) == fmt::format("{}: end", 8 * M));
  CHECK_FALSE(b.body->complete());
}

TEST_CASE("a reader that waits for the rest of a chunk is woken when its begin is evicted") {
  Bench b(kRefillable, 4 * M, M + 100);
  std::move(b.w).abandon();
  BodyWriter main(b.body, 0, kUnlimited, b.writer_bell);
  write_upto(main, M + 50);  // in scratch: it would go on behind the 100 bytes
  BodyReader reader(b.body, M + 100, kUnlimited, b.bell);
  CHECK(look(reader) == "wait");
  CHECK(b.evict(1, kPressing));
  CHECK(b.bell.take() == 1);
  CHECK(look(reader) == fmt::format("hole {}..{}", M, 2 * M));
  std::move(main).abandon();
}

TEST_CASE("the source hears when a refused chunk may go") {
  Bench b(kOnce, 3 * M, 3 * M);
  std::optional<BodyReader> reader;
  reader.emplace(b.body, 0, kUnlimited, b.bell);
  int heard = b.source.unpinned_count();
  const auto hears = [&] { return std::exchange(heard, b.source.unpinned_count()) < heard; };
  std::move(b.w).finish();
  CHECK(hears());
  reader->advance(10);
  CHECK_FALSE(hears());
  reader->advance(M);
  CHECK(hears());
  reader.reset();
  CHECK(hears());
}

TEST_CASE("a dying body releases every chunk") {
  FakeSource source;
  {
    Bell bell;
    auto body = make_ref<Body>(source, BodyOptions{.total = 3 * M, .refillable = true});
    BodyWriter w(body, 0, kUnlimited, bell);
    write_upto(w, 2 * M + 1);
    std::move(w).abandon();
  }
  CHECK(source.released() == 3);
  CHECK(source.chunks() == 0);
}

TEST_CASE("what is pinned is not evicted, and may go when the pin is gone") {
  for (const BodyOptions& options : {kOnce, kRefillable}) {
    Bench b(options, 1000, 1000);
    std::move(b.w).finish();
    const Ref<Chunk> chunk = b.chunk(0);
    const int before = b.source.unpinned_count();
    {
      const BodyPin pin(b.body);
      const BodyPin another(b.body);
      CHECK_FALSE(b.body->evict(0, *chunk));
      CHECK_FALSE(b.body->evict(0, *chunk, kPressing));
      CHECK(b.body->servable());
    }
    CHECK(b.source.unpinned_count() > before);  // who waits for room tries again
    CHECK(b.body->evict(0, *chunk));
    CHECK(b.body->servable() == options.refillable);
  }
}
