#include <doctest/doctest.h>

#include <optional>

#include "body/body.h"
#include "body/fake_source.h"

using namespace weir;
using namespace weir::body;

namespace {

constexpr std::uint64_t M = kChunkSize;
constexpr std::size_t K = 1024;
using Stop = BodyWriter::Stop;
using Sizes = std::vector<std::string>;

struct Bench {
  FakeSource source;
  Bell bell;
  Bell reader_bell;
  Ref<Body> body;

  explicit Bench(BodyOptions options) : body(make_ref<Body>(source, options)) {}
  BodyReader reader(std::uint64_t first = 0, std::uint64_t end = kUnlimited) {
    return BodyReader(body, first, end, reader_bell);
  }
  BodyWriter writer(std::uint64_t first = 0, std::uint64_t end = kUnlimited) {
    return BodyWriter(body, first, end, bell);
  }
};

BodyOptions refillable(std::optional<std::uint64_t> total) {
  return {.total = total, .refillable = true};
}

}  // namespace

TEST_CASE("with a known total every chunk is made to measure") {
  struct Case {
    std::uint64_t total;
    Sizes sizes;
  } const cases[] = {
      {0, {"0:0"}},
      {1, {"0:1"}},
      {1000, {"0:1000"}},
      {M, {"0:1048576"}},
      {M + 1, {"0:1048576", "1:1"}},
      {2 * M + 7, {"0:1048576", "1:1048576", "2:7"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.total);
    Bench b(refillable(c.total));
    BodyWriter w = b.writer();
    CHECK(write_upto(w, kUnlimited) == Stop::kEnd);
    CHECK(w.offset() == c.total);
    std::move(w).finish();
    CHECK(b.source.take_sizes() == (c.total == 0 ? Sizes{"0:0", "0:0"} : c.sizes));
    CHECK(b.body->complete());
    CHECK(b.source.used() == c.total);
    BodyReader r = b.reader();
    CHECK(read_on(r) == fmt::format("{}: end", c.total));
  }
}

TEST_CASE("with an unknown total the first chunk grows and the last is cut to size") {
  struct Case {
    std::uint64_t bytes;
    std::size_t hint;
    Sizes sizes;
    std::uint64_t kept;  // capacity in the end
  } const cases[] = {
      {0, 0, {"0:16384", "0:0"}, 0},
      {10, 0, {"0:16384", "0:10"}, 10},
      {16 * K, 0, {"0:16384"}, 16 * K},
      {13 * K, 0, {"0:16384"}, 16 * K},  // would save less than a quarter
      {16 * K + 1, 0, {"0:16384", "0:65536", "0:16385"}, 16 * K + 1},
      {50 * K, 50 * K, {"0:51200"}, 50 * K},
      {50 * K, 8 * M, {"0:1048576", "0:51200"}, 50 * K},
      {M, 0, {"0:16384", "0:65536", "0:262144", "0:1048576"}, M},
      {M + 5, M, {"0:1048576", "1:1048576", "1:5"}, M + 5},
  };
  for (const Case& c : cases) {
    CAPTURE(c.bytes);
    CAPTURE(c.hint);
    Bench b(refillable(std::nullopt));
    BodyWriter w = b.writer();
    std::byte scratch[16];
    w.space(c.hint, scratch);  // as before the first read from a socket
    write_upto(w, c.bytes, c.hint);
    std::move(w).finish();
    CHECK(b.source.take_sizes() == c.sizes);
    CHECK(b.source.used() == c.kept);
    CHECK(b.body->total() == c.bytes);
    CHECK(b.body->complete());
    BodyReader r = b.reader();
    CHECK(read_on(r) == fmt::format("{}: end", c.bytes));
  }
}

TEST_CASE("a lease of a chunk that is outgrown stays good") {
  Bench b(refillable(std::nullopt));
  BodyWriter w = b.writer();
  write_upto(w, 16 * K, 0);
  BodyReader r = b.reader();
  const Next next = r.next(M);
  write_upto(w, 17 * K, 0);
  CHECK(b.source.chunks() == 2);
  CHECK(is_content(std::get<Lease>(next).bytes, 0));
  std::move(w).finish();
}

TEST_CASE("the last chunk stays as it is when there is no room to cut it") {
  Bench b(refillable(std::nullopt));
  b.source.budget = 16 * K;
  BodyWriter w = b.writer();
  write_upto(w, 100, 0);
  std::move(w).finish();
  CHECK(b.body->complete());
  CHECK(b.source.used() == 16 * K);
  CHECK(b.source.waiting() == 0);
}

TEST_CASE("an empty body holds an empty chunk for the store to evict") {
  for (const bool known : {true, false}) {
    CAPTURE(known);
    Bench b(refillable(known ? std::optional<std::uint64_t>(0) : std::nullopt));
    if (!known) std::move(*std::make_unique<BodyWriter>(b.writer())).finish();
    CHECK(b.body->complete());
    CHECK(b.body->servable());
    CHECK(b.source.chunks() == 1);
    CHECK_FALSE(b.body->empty_of_chunks());
    BodyReader r = b.reader();
    CHECK(look(r) == "end");
  }
}

TEST_CASE("what another fill has brought is read into scratch, and filling goes on behind it") {
  Bench b(refillable(4 * M));
  BodyWriter range = b.writer(M, 2 * M + 1000);
  write_upto(range, 2 * M + 1000);
  std::move(range).abandon();
  CHECK(b.source.take_sizes() == Sizes{"1:1048576", "2:1048576"});
  BodyWriter w = b.writer();
  std::vector<std::byte> scratch(64 * K);
  write_upto(w, M);
  CHECK(w.space(0, scratch).bytes.data() == scratch.data());
  write_upto(w, 2 * M + 900);
  CHECK(w.space(0, scratch).bytes.size() == 100);  // cut to fit
  CHECK(write_upto(w, 4 * M) == Stop::kNone);
  std::move(w).finish();
  CHECK(b.source.take_sizes() == Sizes{"0:1048576", "3:1048576"});
  CHECK(b.body->complete());
  CHECK(b.body->present() == 4 * M);
  BodyReader r = b.reader();
  CHECK(read_on(r) == fmt::format("{}: end", 4 * M));
}

TEST_CASE("a chunk that another fill brings now is read into scratch to its end") {
  Bench b(refillable(3 * M));
  BodyWriter range = b.writer(M, 2 * M);
  write_upto(range, M + 10);
  BodyWriter w = b.writer();
  write_upto(w, 2 * M);
  BodyReader r = b.reader(M + 10);
  CHECK(look(r) == "wait");
  write_upto(w, 3 * M);
  write_upto(range, 2 * M);
  CHECK(b.reader_bell.take() == 1);
  CHECK(b.body->complete());
  std::move(range).finish();
  std::move(w).finish();
}

TEST_CASE("a fill takes over from one that gave up, unless it has passed the place") {
  struct Case {
    std::uint64_t main_at;  // where the main fill is when the range fill gives up at M + 1000
    const char* then;       // what a reader at M + 1000 sees
    bool whole;             // the main fill completes the body
  } const cases[] = {
      {0, "wait", true},
      {M, "wait", true},
      {M + 1000, "wait", true},
      {M + 1001, "hole 1049576..2097152", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.main_at);
    Bench b(refillable(3 * M));
    BodyWriter range = b.writer(M, 2 * M);
    write_upto(range, M + 1000);
    BodyWriter w = b.writer();
    write_upto(w, c.main_at);
    BodyReader r = b.reader(M + 1000);
    CHECK(look(r) == "wait");
    std::move(range).abandon();
    CHECK(b.reader_bell.take() == 1);
    CHECK(look(r) == c.then);
    write_upto(w, 3 * M);
    std::move(w).finish();
    CHECK(b.body->complete() == c.whole);
  }
}

TEST_CASE("a reader that counts on a fill is woken when the fill skips its bytes in scratch") {
  Bench b(refillable(3 * M));
  BodyWriter range = b.writer(M, 2 * M);
  write_upto(range, M + 1000);
  BodyWriter w = b.writer();
  write_upto(w, M);
  std::vector<std::byte> scratch(64 * K);
  const auto given = w.space(0, scratch).bytes;  // the range fill still lives: scratch
  CHECK(given.size() == 64 * K);
  std::move(range).abandon();
  BodyReader r = b.reader(M + 1000);
  CHECK(look(r) == "wait");
  w.commit(given.size());
  CHECK(b.reader_bell.take() == 1);
  CHECK(look(r) == "hole 1049576..2097152");
  std::move(w).abandon();
}

TEST_CASE("a fill that begins in the middle of an absent chunk keeps nothing of that chunk") {
  Bench b(refillable(3 * M));
  BodyWriter w = b.writer(M + 5);
  write_upto(w, 3 * M);
  std::move(w).finish();
  CHECK(b.body->present() == M);
  BodyReader r = b.reader(M);
  CHECK(look(r) == fmt::format("hole {}..{}", M, 2 * M));
}

TEST_CASE("a total that became known bounds chunks and fills") {
  Bench b(refillable(std::nullopt));
  BodyWriter w = b.writer();
  write_upto(w, 100, 0);
  w.set_total(20 * K);
  CHECK(write_upto(w, kUnlimited) == Stop::kEnd);
  CHECK(w.offset() == 20 * K);
  std::move(w).finish();
  CHECK(b.source.take_sizes() == Sizes{"0:16384", "0:20480"});
  CHECK(b.body->complete());
}

TEST_CASE("totals that contradict each other fail the body") {
  struct Case {
    std::optional<std::uint64_t> known;
    std::uint64_t bytes;
    std::uint64_t then;
    bool fails;
  } const cases[] = {
      {1000, 10, 1000, false},
      {1000, 10, 1001, true},
      {std::nullopt, 10, 10, false},
      {std::nullopt, 10, 9, true},
      {std::nullopt, 10, kMaxTotal, false},
      {std::nullopt, 10, kMaxTotal + 1, true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.then);
    Bench b(refillable(c.known));
    BodyWriter w = b.writer();
    write_upto(w, c.bytes);
    w.set_total(c.then);
    CHECK(b.body->failed() == c.fails);
    if (c.fails) CHECK(write_upto(w, kUnlimited) == Stop::kEnd);
    std::move(w).finish();
    BodyReader r = b.reader(c.bytes);
    if (c.fails) CHECK(look(r) == "error origin_changed");
  }
}

TEST_CASE("finish short of a known total leaves a hole") {
  Bench b(refillable(2 * M));
  BodyWriter w = b.writer();
  write_upto(w, 1000);
  BodyReader r = b.reader(1000);
  CHECK(look(r) == "wait");
  std::move(w).finish();
  CHECK(b.reader_bell.take() == 1);
  CHECK(look(r) == fmt::format("hole 1000..{}", 2 * M));
  CHECK(b.body->servable());
}

TEST_CASE("a writer that is dropped fails the body, a moved one does not") {
  Bench b(refillable(2 * M));
  {
    BodyWriter w = b.writer();
    write_upto(w, 10);
    BodyWriter other = std::move(w);
    CHECK_FALSE(b.body->failed());
    CHECK(b.body->filling());
    write_upto(other, 20);
  }
  CHECK(b.body->failed());
  CHECK_FALSE(b.body->filling());
  BodyReader r = b.reader();
  CHECK(read_on(r) == "20: error system");
}

TEST_CASE("a writer without room is woken when there may be some") {
  Bench b(refillable(4 * M));
  b.source.budget = 2 * M;
  BodyWriter w = b.writer();
  CHECK(write_upto(w, kUnlimited) == Stop::kNoRoom);
  CHECK(w.offset() == 2 * M);
  CHECK(b.source.waiting() == 1);
  b.bell.take();
  {
    BodyReader r = b.reader();
    const Next next = r.next(1);
    CHECK(b.body->evict(0, *std::get<Lease>(next).pin, Need::kPressing));
  }
  CHECK(b.bell.take() == 1);
  CHECK(write_upto(w, kUnlimited) == Stop::kNoRoom);
  CHECK(w.offset() == 3 * M);
  b.bell.take();
  std::move(w).abandon();
  CHECK(b.source.waiting() == 0);
  CHECK(b.bell.take() == 0);  // a dead writer waits for nothing
}

TEST_CASE("a writer keeps its distance from the fastest reader") {
  BodyOptions options = refillable(100 * M);
  options.lead_limit = 4 * M;
  Bench b(options);
  BodyWriter w = b.writer();
  CHECK(write_upto(w, kUnlimited) == Stop::kLead);
  CHECK(w.offset() == 4 * M);  // nobody reads: from 0
  BodyReader slow = b.reader();
  BodyReader fast = b.reader();
  CHECK(look(slow) == "lease 1048576");
  CHECK(look(fast) == "lease 1048576");
  fast.advance(M);
  CHECK(b.bell.take() == 0);  // less than half the limit
  fast.advance(M - 1);
  CHECK(b.bell.take() == 0);
  fast.advance(1);
  CHECK(b.bell.take() == 1);
  CHECK(write_upto(w, kUnlimited) == Stop::kLead);
  CHECK(w.offset() == 6 * M);
  BodyReader ahead = b.reader(50 * M);  // a fill elsewhere is not held by it
  CHECK(look(ahead) == fmt::format("hole {}..{}", 50 * M, 100 * M));
  CHECK(b.bell.take() == 0);
  CHECK(write_upto(w, kUnlimited) == Stop::kLead);
  BodyWriter own(b.body, 50 * M, kUnlimited, b.bell);  // and it holds its own
  CHECK(write_upto(own, kUnlimited) == Stop::kLead);
  CHECK(own.offset() == 54 * M);
  std::move(own).abandon();
  std::move(w).abandon();
}

TEST_CASE("a transit body keeps its distance from the slowest reader and drops what all passed") {
  BodyOptions options{.total = 100 * M, .drop_passed = true, .lead_limit = 4 * M};
  Bench b(options);
  BodyWriter w = b.writer();
  BodyReader slow = b.reader();
  BodyReader fast = b.reader();
  CHECK(write_upto(w, kUnlimited) == Stop::kLead);
  CHECK(read_on(fast) == fmt::format("{}: wait", 4 * M));
  CHECK(b.source.used() == 4 * M);
  CHECK(b.bell.take() == 0);
  slow.advance(2 * M + 5);
  CHECK(b.source.used() == 2 * M);
  CHECK(b.bell.take() == 1);
  CHECK(write_upto(w, kUnlimited) == Stop::kLead);
  CHECK(w.offset() == 6 * M);       // whole chunks
  CHECK_FALSE(b.body->servable());  // its begin is gone
  BodyReader late = b.reader();
  CHECK(look(late) == "error no_space");
  std::move(w).abandon();
}

TEST_CASE("a slow reader that leaves sets the writer of a transit body free") {
  BodyOptions options{.total = 100 * M, .drop_passed = true, .lead_limit = 4 * M};
  Bench b(options);
  BodyWriter w = b.writer();
  std::optional<BodyReader> slow;
  slow.emplace(b.body, 0, kUnlimited, b.reader_bell);
  BodyReader fast = b.reader();
  write_upto(w, kUnlimited);
  CHECK(read_on(fast) == fmt::format("{}: wait", 4 * M));
  slow.reset();
  CHECK(b.bell.take() == 1);
  CHECK(b.source.chunks() == 0);
  std::move(w).abandon();
}

TEST_CASE("a transit body of any length passes through bounded memory") {
  BodyOptions options{.drop_passed = true, .lead_limit = 4 * M};
  Bench b(options);
  BodyWriter w = b.writer();
  BodyReader r = b.reader();
  for (int i = 1; i <= 25; ++i) {
    write_upto(w, kUnlimited);
    CHECK(b.source.used() <= 5 * M);
    read_on(r);
  }
  CHECK(r.offset() == 100 * M);
  std::move(w).finish();
  CHECK(look(r) == "end");
}
