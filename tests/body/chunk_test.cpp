// What a Body does with chunks whose bytes are not always in memory.
#include "body/chunk.h"

#include <doctest/doctest.h>

#include "body/body.h"
#include "body/fake_source.h"

using namespace weir;
using namespace weir::body;

namespace {

constexpr std::uint64_t M = kChunkSize;
constexpr std::size_t K = 1024;

// Its chunks go away when they are sealed, and come when the test says so.
class AwaySource final : public ChunkSource {
 public:
  class AwayChunk;

  Ref<Chunk> allocate(Body&, std::uint32_t index, std::size_t size, Need) override;
  void wait_for_room(Waiter&) override {}
  void forget(Waiter&) noexcept override {}
  void release(Chunk&) noexcept override {}
  void unpinned() noexcept override {}
  void emptied(const Body&) override {}

  AwayChunk& chunk(std::uint32_t index) { return *chunks.at(index); }

  std::map<std::uint32_t, AwayChunk*> chunks;  // that live
  std::vector<std::string> log;                // what was said to them
};

class AwaySource::AwayChunk final : public Chunk {
 public:
  AwayChunk(AwaySource& source, std::uint32_t index, std::size_t size)
      : Chunk(size), source_(source), index_(index), bytes_(size) {}
  ~AwayChunk() override {
    CHECK(waiting.empty());
    if (source_.chunks[index_] == this) source_.chunks.erase(index_);
  }
  std::byte* data() const override { return const_cast<std::byte*>(bytes_.data()); }
  Part part(std::size_t at, std::size_t n, Waiter& reader) override {
    if (lost) return {{}, {}, true};
    if (!away) return Chunk::part(at, std::min(n, 100 * K), reader);
    waiting.push_back(&reader);
    return {};
  }
  void forget(Waiter& reader) noexcept override { std::erase(waiting, &reader); }
  void soon() noexcept override { source_.log.push_back(fmt::format("soon {}", index_)); }
  void seal(std::size_t size) noexcept override {
    source_.log.push_back(fmt::format("seal {} {}", index_, size));
    away = true;
  }
  void come() {
    away = false;
    for (Waiter* w : waiting) w->wake();
    waiting.clear();
  }

  bool away = false;
  bool lost = false;
  std::vector<Waiter*> waiting;

 private:
  AwaySource& source_;
  const std::uint32_t index_;
  const std::vector<std::byte> bytes_;
};

Ref<Chunk> AwaySource::allocate(Body&, std::uint32_t index, std::size_t size, Need) {
  auto chunk = make_ref<AwayChunk>(*this, index, size);
  chunks[index] = chunk.get();
  return chunk;
}

using Log = std::vector<std::string>;

struct Bench {
  AwaySource source;
  Bell writer_bell, bell;
  Ref<Body> body;

  explicit Bench(std::optional<std::uint64_t> total, std::uint64_t lead = kUnlimited)
      : body(make_ref<Body>(
            source, BodyOptions{.total = total, .drop_passed = true, .lead_limit = lead})) {}
  BodyWriter writer() { return BodyWriter(body, 0, kUnlimited, writer_bell); }
};

}  // namespace

TEST_CASE("a chunk of a body in transit is sealed when it is full, when it is the last, or fails") {
  struct Case {
    std::optional<std::uint64_t> total;
    std::uint64_t bytes;
    const char* end;
    Log log;
  } const cases[] = {
      {2 * M + 5, 2 * M + 5, "finish", {"seal 0 1048576", "seal 1 1048576", "seal 2 5"}},
      {std::nullopt, M + 5, "finish", {"seal 0 1048576", "seal 1 5"}},
      {std::nullopt, M, "finish", {"seal 0 1048576"}},
      {std::nullopt, 0, "finish", {}},
      {2 * M, M + 9, "fail", {"seal 0 1048576", "seal 1 9"}},
      {2 * M, M + 9, "drop", {"seal 0 1048576", "seal 1 9"}},
      {2 * M, M + 9, "abandon", {"seal 0 1048576"}},  // another may go on
      {2 * M, M + 9, "finish", {"seal 0 1048576"}},   // so here
  };
  for (const Case& c : cases) {
    CAPTURE(c.bytes);
    CAPTURE(c.end);
    Bench b(c.total);
    BodyWriter w = b.writer();
    REQUIRE(write_upto(w, c.bytes, M) == BodyWriter::Stop::kNone);
    const std::string end = c.end;
    if (end == "finish") std::move(w).finish();
    if (end == "fail") std::move(w).fail(Error{Errc::kOriginCut});
    if (end == "drop") BodyWriter(std::move(w));
    if (end == "abandon") std::move(w).abandon();
    CHECK(b.source.log == c.log);
  }
}

TEST_CASE("a reader at bytes that are not in memory waits, and goes on when they have come") {
  Bench b(2 * M + 10);
  BodyWriter w = b.writer();
  BodyReader r(b.body, 0, kUnlimited, b.bell);
  write_upto(w, M + 7);
  CHECK(look(r) == "wait");
  CHECK(look(r) == "wait");
  CHECK(b.source.chunk(0).waiting.size() == 1);
  b.source.chunk(0).come();
  CHECK(b.bell.take() == 1);
  CHECK(look(r) == "lease 102400");
  b.source.log.clear();
  CHECK(read_on(r) == "1048583: wait");  // for the writer: what is filled is in memory
  CHECK(b.source.log == Log{"soon 1"});
  write_upto(w, 2 * M + 10);
  CHECK(b.bell.take() == 1);
  CHECK(read_on(r) == "1048583: wait");
  b.source.chunk(1).come();
  CHECK(read_on(r) == "2097152: wait");
  SUBCASE("to the end") {
    b.source.chunk(2).come();
    CHECK(read_on(r) == "2097162: end");
    CHECK(b.bell.take() == 2);
    std::move(w).finish();
    CHECK(read_on(r) == "2097162: end");
  }
  SUBCASE("or leaves") {}
}

TEST_CASE("bytes that are lost fail the body: its readers, and its writer") {
  Bench b(4 * M, 2 * M);
  BodyWriter w = b.writer();
  BodyReader r(b.body, 0, kUnlimited, b.bell);
  Bell other_bell;
  BodyReader ahead(b.body, 0, kUnlimited, other_bell);
  CHECK(write_upto(w, 4 * M) == BodyWriter::Stop::kLead);
  for (const std::uint32_t i : {0u, 1u}) b.source.chunk(i).come();
  CHECK(read_on(ahead) == "2097152: wait");
  CHECK(r.next(1000).index() == 0);
  r.advance(1000);
  b.source.chunk(0).lost = true;
  CHECK(look(r) == "error disk_read");
  CHECK(b.body->failed());
  CHECK(look(r) == "error disk_read");
  CHECK(other_bell.take() == 1);
  CHECK(look(ahead) == "error disk_read");
  CHECK(b.writer_bell.take() == 1);
  CHECK(write_upto(w, 4 * M) == BodyWriter::Stop::kEnd);
}

TEST_CASE("a writer that is stopped by the lead limit holds no chunk half full") {
  Bench b(64 * M, 3 * M);
  BodyWriter w = b.writer();
  BodyReader r(b.body, 0, kUnlimited, b.bell);
  CHECK(write_upto(w, 64 * M) == BodyWriter::Stop::kLead);
  CHECK(w.offset() == 3 * M);
  for (const std::uint32_t i : {0u, 1u, 2u}) b.source.chunk(i).come();
  while (r.offset() < M + M / 2) r.advance(std::get<Lease>(r.next(M / 2)).bytes.size());
  CHECK(write_upto(w, 64 * M) == BodyWriter::Stop::kLead);
  CHECK(w.offset() == 4 * M);
}
