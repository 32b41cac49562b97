#include <doctest/doctest.h>

#include <optional>

#include "body/body.h"
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

  explicit Bench(BodyOptions options) : body(make_ref<Body>(source, options)) {}
  BodyReader reader(std::uint64_t first = 0, std::uint64_t end = kUnlimited) {
    return BodyReader(body, first, end, bell);
  }
  BodyWriter writer(std::uint64_t first = 0, std::uint64_t end = kUnlimited) {
    return BodyWriter(body, first, end, writer_bell);
  }
  // Fills [first, end) and leaves.
  void bring(std::uint64_t first, std::uint64_t end) {
    BodyWriter w = writer(first, end);
    CHECK(write_upto(w, end) == BodyWriter::Stop::kNone);
    std::move(w).abandon();
  }
};

BodyOptions refillable(std::optional<std::uint64_t> total) {
  return {.id = {1, 2}, .total = total, .refillable = true};
}
BodyOptions once_only(std::optional<std::uint64_t> total) { return {.id = {1, 2}, .total = total}; }

}  // namespace

TEST_CASE("a reader follows a writer and sees the end") {
  for (const bool known : {true, false}) {
    for (const bool refill : {true, false}) {
      CAPTURE(known);
      CAPTURE(refill);
      const std::uint64_t total = 3 * M + 1000;
      BodyOptions options = refill ? refillable(total) : once_only(total);
      if (!known) options.total.reset();
      Bench b(options);
      BodyWriter w = b.writer();
      BodyReader r = b.reader();
      CHECK(look(r) == "wait");
      for (const std::uint64_t upto : {1ul, 5000ul, M - 1, M, M + 1, 2 * M + 7, total}) {
        write_upto(w, upto);
        CHECK(b.bell.take() == 1);
        CHECK(read_on(r) == fmt::format("{}: {}", upto, upto == total && known ? "end" : "wait"));
      }
      std::move(w).finish();
      CHECK(b.bell.take() == (known ? 0 : 1));
      CHECK(read_on(r) == fmt::format("{}: end", total));
      CHECK(b.body->complete());
      CHECK(b.body->servable());
    }
  }
}

TEST_CASE("a reader is told to wait where a writer comes soon, else that there is a hole") {
  // One writer at 0 of 100 MiB, 20..21 and 22..23 MiB are here.
  struct Case {
    std::uint64_t at;
    const char* says;
  } const cases[] = {
      {0, "wait"},
      {16 * M, "wait"},                         // kSoon ahead of the writer
      {16 * M + 1, "hole 16777216..20971520"},  // one further; a fill begins with the chunk
      {19 * M, "hole 19922944..20971520"},
      {20 * M, "lease 1048576"},
      {21 * M - 1, "lease 1"},
      {21 * M + 5, "hole 22020096..23068672"},
      {23 * M, "hole 24117248..104857600"},
      {100 * M - 1, "hole 103809024..104857600"},
      {100 * M, "end"},
      {200 * M, "end"},
  };
  Bench b(refillable(100 * M));
  b.bring(20 * M, 21 * M);
  b.bring(22 * M, 23 * M);
  BodyWriter w = b.writer();
  for (const Case& c : cases) {
    CAPTURE(c.at);
    BodyReader r = b.reader(c.at);
    CHECK(look(r) == c.says);
  }
  std::move(w).abandon();
}

TEST_CASE("a body that cannot be fetched again is waited for at any distance") {
  Bench b(once_only(100 * M));
  BodyWriter w = b.writer();
  BodyReader r = b.reader(90 * M);
  CHECK(look(r) == "wait");
  std::move(w).abandon();
  CHECK(b.bell.take() == 1);
  CHECK(look(r) == "error fetch_abandoned");
}

TEST_CASE("a hole of an unknown total has an unknown end, and a fill ahead ends it") {
  Bench b(refillable(std::nullopt));
  BodyReader r = b.reader();
  CHECK(look(r) == "hole 0..");
  BodyWriter ahead = b.writer(50 * M, 60 * M);
  CHECK(look(r) == "hole 0..52428800");
  write_upto(ahead, 51 * M + 1);
  CHECK(look(r) == "hole 0..52428800");
  std::move(ahead).abandon();
}

TEST_CASE("a fill of a hole begins where the filled prefix of its chunk ends") {
  Bench b(refillable(10 * M));
  b.bring(0, M + 1000);
  BodyReader r = b.reader(M + 5000);
  CHECK(look(r) == fmt::format("hole {}..{}", M + 1000, 10 * M));
  b.bring(M + 1000, 2 * M);
  CHECK(look(r) == fmt::format("lease {}", M - 5000));
}

TEST_CASE("a reader of a range ends at its end") {
  Bench b(refillable(3 * M));
  b.bring(0, 3 * M);
  BodyReader r = b.reader(M - 10, M + 10);
  CHECK(r.end() == M + 10);
  CHECK(look(r) == "lease 10");
  CHECK(read_on(r) == fmt::format("{}: end", M + 10));
  BodyReader nothing = b.reader(5, 5);
  CHECK(look(nothing) == "end");
}

TEST_CASE("a reader whose end is open learns it with the total") {
  Bench b(refillable(std::nullopt));
  BodyWriter w = b.writer();
  BodyReader r = b.reader(200);
  BodyReader ranged = b.reader(0, 50);
  CHECK(r.end() == kUnlimited);
  CHECK(ranged.end() == 50);
  CHECK(look(r) == "wait");
  write_upto(w, 100);
  CHECK(b.bell.take() == 0);  // its byte did not come
  w.set_total(150);
  CHECK(b.bell.take() == 1);
  CHECK(look(r) == "end");
  CHECK(r.end() == 150);
  CHECK(read_on(ranged) == "50: end");
  std::move(w).abandon();
}

TEST_CASE("commit wakes exactly the readers whose byte came") {
  Bench b(refillable(4 * M));
  Bell bells[4];
  BodyWriter w = b.writer();
  BodyReader at0(b.body, 0, kUnlimited, bells[0]);
  BodyReader at99(b.body, 99, kUnlimited, bells[1]);
  BodyReader at100(b.body, 100, kUnlimited, bells[2]);
  BodyReader far(b.body, 2 * M, kUnlimited, bells[3]);
  for (BodyReader* r : {&at0, &at99, &at100, &far}) CHECK(look(*r) == "wait");
  write_upto(w, 100);
  CHECK(bells[0].take() == 1);
  CHECK(bells[1].take() == 1);
  CHECK(bells[2].take() == 0);
  CHECK(bells[3].take() == 0);
  write_upto(w, 200);
  CHECK(bells[0].take() == 0);  // was not told to wait again
  CHECK(bells[2].take() == 1);
  std::move(w).abandon();
  CHECK(bells[3].take() == 1);
  CHECK(look(far) == fmt::format("hole {}..{}", 2 * M, 4 * M));
}

TEST_CASE("a reader that dies while it waits is not woken") {
  Bench b(refillable(M));
  BodyWriter w = b.writer();
  {
    BodyReader r = b.reader();
    CHECK(look(r) == "wait");
    CHECK(b.body->readers() == 1);
  }
  CHECK(b.body->readers() == 0);
  write_upto(w, M);
  CHECK(b.bell.take() == 0);
  std::move(w).finish();
}

TEST_CASE("a failed body gives what came before the failure, then the error") {
  for (const bool refill : {true, false}) {
    CAPTURE(refill);
    Bench b(refill ? refillable(10 * M) : once_only(10 * M));
    BodyWriter w = b.writer();
    write_upto(w, 2 * M + 500);
    BodyReader behind = b.reader();
    BodyReader waiting = b.reader(2 * M + 500);
    CHECK(look(waiting) == "wait");
    std::move(w).fail({Errc::kOriginCut});
    CHECK(b.bell.take() == 1);
    CHECK(look(waiting) == "error origin_cut");
    CHECK(read_on(behind) == fmt::format("{}: error origin_cut", 2 * M + 500));
    CHECK(b.body->failed());
    CHECK_FALSE(b.body->servable());
    BodyReader late = b.reader(2 * M);
    CHECK(look(late) == "lease 500");
  }
}

TEST_CASE("what another fill brought beyond the failure is not given") {
  Bench b(refillable(10 * M));
  b.bring(5 * M, 6 * M);
  BodyWriter w = b.writer();
  write_upto(w, M);
  std::move(w).fail({Errc::kOriginReset});
  BodyReader r = b.reader(5 * M);
  CHECK(look(r) == "error origin_reset");
}

TEST_CASE("a small complete body that cannot be fetched again is held by its readers") {
  Bench b(once_only(1000));
  BodyWriter w = b.writer();
  write_upto(w, 1000);
  std::move(w).finish();
  std::optional<BodyReader> r;
  r.emplace(b.body, 0, kUnlimited, b.bell);
  const Next first = r->next(10);
  CHECK(text_of(first) == "lease 10");
  CHECK(b.body->evict(0, *std::get<Lease>(first).pin));
  CHECK(b.body->empty_of_chunks());
  CHECK_FALSE(b.body->servable());
  CHECK(read_on(*r) == "1000: end");  // it goes on from what it holds
  BodyReader late = b.reader();
  CHECK(look(late) == "error no_space");
  r.reset();
  CHECK(b.source.chunks() == 1);  // `first` still pins it
}

TEST_CASE("a lease stays good when its chunk is evicted") {
  Bench b(refillable(M));
  b.bring(0, M);
  BodyReader r = b.reader(100);
  const Next next = r.next(1000);
  const auto& lease = std::get<Lease>(next);
  CHECK(b.body->evict(0, *lease.pin));
  CHECK(look(r) == fmt::format("hole 0..{}", M));
  CHECK(is_content(lease.bytes, 100));
}

TEST_CASE("a reader touches a chunk once, however many pieces it takes; the first is no hit") {
  class Count : public Chunk {
   public:
    using Chunk::hits_;
  };
  Bench b(refillable(2 * M));
  b.bring(0, 2 * M);
  BodyReader r = b.reader();
  const Next next = r.next(1);
  const auto& hits = static_cast<const Count&>(*std::get<Lease>(next).pin).hits_;
  read_on(r, 4096);
  CHECK(hits == 0);  // it was brought for that one
  BodyReader again = b.reader();
  read_on(again, 4096);
  CHECK(hits == 1);
  for (int i = 0; i < 5; ++i) {
    BodyReader more = b.reader();
    look(more);
  }
  CHECK(hits == 3);
}
