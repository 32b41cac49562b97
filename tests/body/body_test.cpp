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
  bool evict(std::uint32_t index, Body::Need need = Body::Need::kUsual) {
    return body->evict(index, *chunk(index), need);
  }
};

const BodyOptions kRefillable{.refillable = true};
const BodyOptions kOnce{};
constexpr auto kPressing = Body::Need::kPressing;  // whoever is on the way to the chunk

}  // namespace

TEST_CASE("a body at rest is small") { CHECK(sizeof(Body) <= 160); }

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
