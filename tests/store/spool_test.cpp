#include "store/spool.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "body/fake_source.h"
#include "store/transit.h"
#include "support/slow_file.h"

using namespace weir;
using namespace weir::store;
using body::Bell;
using body::BodyReader;
using body::BodyWriter;
using body::End;
using body::Lease;
using body::Sleeper;
using test::SlowDisk;
using Stop = BodyWriter::Stop;

namespace {

constexpr std::uint64_t M = body::kChunkSize;
constexpr std::size_t kPiece = Spool::kPiece;

// Returns when `holds`, which changes with the spool's room.
template <class Condition>
void until(Transit& transit, Condition holds) {
  Sleeper sleeper;
  body::ChunkSource& source = transit;
  for (;;) {
    source.wait_for_room(sleeper);
    if (holds()) break;
    sleeper.sleep();
  }
  source.forget(sleeper);
}

// A spool on a disk that does what the test says, and bodies that have no window before it.
struct Bench {
  SlowDisk disk;
  body::FakeSource memory;
  Transit transit;

  // 4 MiB of memory: three chunks that are written, and eight pieces that are read.
  explicit Bench(std::uint64_t limit = 64 * M, std::uint64_t buffers = 4 * M)
      : transit(memory,
                std::make_unique<Spool>(disk.file(), Spool::Settings{"disk", limit, buffers}), 0) {}

  Ref<body::Body> body(std::optional<std::uint64_t> total = {}) {
    return transit.create({.total = total, .drop_passed = true, .lead_limit = 64 * M});
  }
  SpoolStats stats() const { return transit.spool_stats(); }
  void until_free() {
    until(transit, [&] { return stats().used == 0; });
  }
};

// Writes up to `upto`, waiting for memory.
void write_on(BodyWriter& writer, Sleeper& sleeper, std::uint64_t upto) {
  for (;;) {
    const Stop stop = write_upto(writer, upto);
    if (stop == Stop::kNone) return;
    REQUIRE(stop == Stop::kNoRoom);
    sleeper.sleep();
  }
}

// A whole body, all of it in the file.
Ref<body::Body> stored(Bench& b, std::uint64_t bytes) {
  auto body = b.body(bytes);
  Sleeper sleeper;
  BodyWriter writer(body, 0, body::kUnlimited, sleeper);
  write_on(writer, sleeper, bytes);
  std::move(writer).finish();
  until(b.transit, [&] { return b.stats().memory == 0; });
  return body;
}

// Reads up to `upto`, waiting for the disk; every byte is compared. False: an error, or wrong.
bool read_upto(BodyReader& reader, Sleeper& sleeper, std::uint64_t upto,
               std::size_t most = 1 << 20) {
  while (reader.offset() < upto) {
    const auto next = reader.next(std::min<std::uint64_t>(most, upto - reader.offset()));
    if (std::holds_alternative<body::Wait>(next)) {
      sleeper.sleep();
      continue;
    }
    const auto* lease = std::get_if<Lease>(&next);
    if (!lease || !body::is_content(lease->bytes, reader.offset())) return false;
    reader.advance(lease->bytes.size());
  }
  return true;
}

}  // namespace

TEST_CASE("a spool gives chunks up to its limit, an eighth more when pressed, again when freed") {
  SlowDisk disk;
  Spool spool(disk.file(), {"disk", 8 * M, 16 * M});
  Bell bell;
  std::vector<Ref<body::Chunk>> chunks;
  for (int i = 0; i < 8; ++i) chunks.push_back(spool.allocate(M, false));
  for (const Ref<body::Chunk>& chunk : chunks) {
    REQUIRE(chunk);
    CHECK(Spool::owns(*chunk));
    CHECK(chunk->fd() == -1);
  }
  CHECK_FALSE(spool.allocate(M, false));
  Ref<body::Chunk> extra = spool.allocate(M, true);
  CHECK(extra);
  CHECK_FALSE(spool.allocate(M, true));
  CHECK(spool.stats().used == 9 * M);
  CHECK(spool.stats().refused == 2);
  spool.wait_for_room(bell);
  chunks.pop_back();
  CHECK(bell.take() == 1);
  extra = nullptr;
  CHECK(spool.allocate(M, false));
  CHECK(bell.take() == 0);
}

TEST_CASE("a response in transit has a window in memory and the rest in the spool") {
  const std::string directory = std::filesystem::temp_directory_path().string();
  auto file = posix_files().open_nameless(directory);
  REQUIRE(file);
  body::FakeSource memory;
  Transit transit(
      memory, std::make_unique<Spool>(std::move(*file), Spool::Settings{directory, 64 * M, 32 * M}),
      4 * M);
  Sleeper writer_wake, wake;
  auto body = transit.create({.total = 32 * M, .drop_passed = true, .lead_limit = 24 * M});
  BodyWriter writer(body, 0, body::kUnlimited, writer_wake);
  BodyReader reader(body, 0, body::kUnlimited, wake);
  write_on(writer, writer_wake, 24 * M);
  CHECK(write_upto(writer, 32 * M) == Stop::kLead);
  CHECK(memory.used() == 4 * M);
  CHECK(transit.spool_stats().used == 20 * M);
  until(transit, [&] { return transit.spool_stats().memory == 0; });
  SUBCASE("and comes as it was") {
    CHECK(read_upto(reader, wake, 20 * M));
    write_on(writer, writer_wake, 32 * M);
    std::move(writer).finish();
    CHECK(read_upto(reader, wake, 32 * M));
    CHECK(std::holds_alternative<End>(reader.next(1)));
    CHECK(memory.used() == 0);
    until(transit, [&] { return transit.spool_stats().used == 0; });
  }
  SUBCASE("a patient writer that presses is read from a little beyond every limit") {
    writer.be_patient();
    CHECK(write_upto(writer, 32 * M) == Stop::kLead);
    writer.press(M);
    CHECK(write_upto(writer, 32 * M) == Stop::kLead);
    CHECK(writer.offset() == 25 * M);
    std::move(writer).fail(Error{Errc::kOriginCut});
  }
}

TEST_CASE("without a spool all of a response in transit is in memory") {
  body::FakeSource memory;
  Transit transit(memory, nullptr, 4 * M);
  Bell bell;
  auto body = transit.create({.total = 8 * M, .drop_passed = true, .lead_limit = 8 * M});
  BodyWriter writer(body, 0, body::kUnlimited, bell);
  CHECK(write_upto(writer, 8 * M) == Stop::kNone);
  CHECK(memory.used() == 8 * M);
  std::move(writer).finish();
}

TEST_CASE("a writer that is faster than the disk waits for memory and is woken") {
  Bench b;
  Bell writer_bell;
  Sleeper wake;
  b.disk.set({.hold_writes = true});
  auto body = b.body(20 * M);
  BodyWriter writer(body, 0, body::kUnlimited, writer_bell);
  BodyReader reader(body, 0, body::kUnlimited, wake);
  CHECK(write_upto(writer, 20 * M) == Stop::kNoRoom);
  CHECK(writer.offset() == 3 * M);
  CHECK(b.stats().refused == 2);  // asked for once more when it was listed
  b.disk.await([](const auto& c) { return c.held == 1; });
  CHECK(b.disk.counts().writes == 1);
  CHECK(writer_bell.take() == 0);
  // What hangs is in memory, for who reads it; what was read need not be written.
  CHECK(read_upto(reader, wake, 2 * M));
  CHECK(writer_bell.take() > 0);
  CHECK(write_upto(writer, 20 * M) == Stop::kNoRoom);
  CHECK(writer.offset() == 4 * M);
  b.disk.set({});
  until(b.transit, [&] { return b.stats().memory == 0; });
  CHECK(writer_bell.take() > 0);
  while (write_upto(writer, 20 * M) != Stop::kNone) {
    until(b.transit, [&] { return b.stats().memory < 3 * M; });
  }
  std::move(writer).finish();
  CHECK(read_upto(reader, wake, 20 * M));
  CHECK(std::holds_alternative<End>(reader.next(1)));
  b.until_free();
}

TEST_CASE("a reader waits for a disk that hangs, and goes on when it answers") {
  Bench b;
  const auto body = stored(b, 2 * M + 5);
  Bell bell;
  BodyReader reader(body, 0, body::kUnlimited, bell);
  b.disk.set({.hold_reads = true});
  CHECK(look(reader) == "wait");
  b.disk.await([](const auto& c) { return c.held == 1; });
  CHECK(look(reader) == "wait");
  CHECK(bell.take() == 0);
  b.disk.set({});
  Sleeper wake;
  BodyReader other(body, 0, body::kUnlimited, wake);
  CHECK(read_upto(other, wake, kPiece, 1000));
  CHECK(bell.take() == 1);
  CHECK(look(reader) == fmt::format("lease {}", kPiece));
  CHECK(read_upto(other, wake, 2 * M + 5));
  CHECK(std::holds_alternative<End>(other.next(1)));
}

TEST_CASE("what comes next is read ahead, also beyond the end of a chunk") {
  Bench b;
  const auto body = stored(b, 2 * M);
  Sleeper wake;
  BodyReader reader(body, 0, body::kUnlimited, wake);
  int reads = 1;
  for (std::uint64_t at = 0; at < 2 * M; at += kPiece) {
    CHECK(read_upto(reader, wake, at + 1));  // so that what follows is asked for
    if (at % M != M - kPiece) reads = static_cast<int>(at / kPiece) + 2;
    b.disk.await([&](const auto& c) { return c.reads >= reads && c.held == 0; });
    CHECK(b.disk.counts().reads == reads);
    CHECK(read_upto(reader, wake, at + kPiece));
    if (at != M - kPiece) continue;
    ++reads;  // the next chunk is asked for with the last byte of this one
    b.disk.await([&](const auto& c) { return c.reads == reads && c.held == 0; });
  }
  CHECK(b.disk.counts().reads == 16);  // none of them twice
}

TEST_CASE("what the disk does not take stays in memory, and is tried again when there is room") {
  Bench b;
  Sleeper wake, writer_wake;
  Bell bell;
  b.disk.set({.write_error = ENOSPC});
  auto body = b.body(20 * M);
  BodyWriter writer(body, 0, body::kUnlimited, bell);
  BodyReader reader(body, 0, body::kUnlimited, wake);
  CHECK(write_upto(writer, 20 * M) == Stop::kNoRoom);
  CHECK(writer.offset() == 3 * M);
  b.disk.await([](const auto& c) { return c.writes >= 3 && c.held == 0; });
  CHECK(b.stats().refused == 2);
  CHECK(read_upto(reader, wake, M - 1));
  CHECK(bell.take() == 0);
  CHECK(read_upto(reader, wake, M));  // gives a chunk's memory back
  until(b.transit, [&] { return b.stats().used < 3 * M; });
  CHECK(write_upto(writer, 20 * M) == Stop::kNoRoom);
  CHECK(writer.offset() == 4 * M);
  SUBCASE("of the disk") {
    b.disk.set({.write_most = 100'000});
    // Who asks in vain has it tried; how far the disk is by then is its own affair.
    while (write_upto(writer, 20 * M) != Stop::kNone) {
      until(b.transit, [&] { return b.stats().memory < 3 * M; });
    }
    std::move(writer).finish();
    CHECK(read_upto(reader, wake, 20 * M));
    CHECK(std::holds_alternative<End>(reader.next(1)));
  }
  SUBCASE("or never, and comes from memory") {
    b.disk.set({.write_error = EIO});
    CHECK(read_upto(reader, wake, 4 * M));
    std::move(writer).fail(Error{Errc::kOriginCut});
    CHECK(look(reader) == "error origin_cut");
  }
  b.until_free();
}

TEST_CASE("what cannot be read fails the response, and so do bytes that are not what they were") {
  for (const bool flipped : {false, true}) {
    CAPTURE(flipped);
    Bench b;
    const auto body = stored(b, 2 * M);
    Sleeper wake;
    BodyReader reader(body, 0, body::kUnlimited, wake);
    b.disk.flip(3 * kPiece + 77);
    CHECK(read_upto(reader, wake, 2 * kPiece));
    if (!flipped) b.disk.set({.read_error = EIO});
    CHECK_FALSE(read_upto(reader, wake, 2 * M));
    CHECK(reader.offset() >= 2 * kPiece);
    CHECK(reader.offset() <= 3 * kPiece);
    CHECK(look(reader) == "error disk_read");
    CHECK(body->failed());
  }
}

TEST_CASE("a body may die while its chunks are being written or read") {
  Bench b;
  SUBCASE("written") {
    b.disk.set({.hold_writes = true});
    {
      Bell bell;
      auto body = b.body(2 * M);
      BodyWriter writer(body, 0, body::kUnlimited, bell);
      write_upto(writer, 2 * M);
      std::move(writer).finish();
      b.disk.await([](const auto& c) { return c.held == 1; });
    }
    CHECK(b.stats().used == M);  // the other one was not worth writing any more
    b.disk.set({});
    b.until_free();
    CHECK(b.disk.counts().writes == 1);
  }
  SUBCASE("read") {
    auto body = stored(b, 2 * M);
    b.disk.set({.hold_reads = true});
    {
      Bell bell;
      BodyReader reader(body, 0, body::kUnlimited, bell);
      CHECK(look(reader) == "wait");
      b.disk.await([](const auto& c) { return c.held == 1; });
      body = nullptr;
    }
    b.disk.set({});
    b.until_free();
  }
  SUBCASE("punched") {
    b.disk.set({.hold_punches = true});
    stored(b, 2 * M);
    b.disk.await([](const auto& c) { return c.held == 1; });
    CHECK(b.stats().used == 2 * M);  // its place may not be used before
    b.disk.set({});
    b.until_free();
  }
}

TEST_CASE("a body that ends early has no memory left when it is in the file") {
  Bench b;
  Bell bell;
  Sleeper wake;
  auto body = b.body();
  BodyWriter writer(body, 0, body::kUnlimited, bell);
  BodyReader reader(body, 0, body::kUnlimited, wake);
  REQUIRE(write_upto(writer, M + 300'000) == Stop::kNone);
  bool failed = false;
  SUBCASE("as it should") { std::move(writer).finish(); }
  SUBCASE("or cut") {
    std::move(writer).fail(Error{Errc::kOriginCut});
    failed = true;
  }
  until(b.transit, [&] { return b.stats().memory == 0; });
  CHECK(read_upto(reader, wake, M + 300'000));
  CHECK(look(reader) == (failed ? "error origin_cut" : "end"));
}

TEST_CASE("memory under a lease is given to nobody") {
  Bench b;
  const auto body = stored(b, 3 * M);
  Sleeper wake;
  BodyReader reader(body, 0, body::kUnlimited, wake);
  struct Held {
    Lease lease;
    std::uint64_t offset;
  };
  std::vector<Held> held;
  while (held.size() < 8) {  // all there is
    const auto next = reader.next(M);
    if (const auto* lease = std::get_if<Lease>(&next)) {
      held.push_back({*lease, reader.offset()});
      reader.advance(lease->bytes.size());
    } else {
      REQUIRE(std::holds_alternative<body::Wait>(next));
      wake.sleep();
    }
  }
  Bell bell;
  BodyReader other(body, 2 * M, body::kUnlimited, bell);
  CHECK(look(other) == "wait");
  CHECK(look(reader) == "wait");
  for (const Held& h : held) CHECK(body::is_content(h.lease.bytes, h.offset));
  CHECK(bell.take() == 0);
  held.clear();
  CHECK(read_upto(reader, wake, 3 * M));
}

TEST_CASE("many slow readers share little memory") {
  Bench b;
  constexpr std::size_t kReaders = 20;  // of eight pieces
  std::vector<Ref<body::Body>> bodies;
  std::vector<std::unique_ptr<BodyReader>> readers;
  std::vector<Sleeper> wakes(kReaders);
  for (std::size_t i = 0; i < kReaders; ++i) {
    bodies.push_back(stored(b, M + 4321));
    readers.push_back(std::make_unique<BodyReader>(bodies[i], 0, body::kUnlimited, wakes[i]));
  }
  for (std::uint64_t upto = 50'000; upto < M + 4321; upto += 50'000) {
    for (std::size_t i = 0; i < kReaders; ++i) CHECK(read_upto(*readers[i], wakes[i], upto));
  }
  CHECK(b.stats().memory == 0);
  readers.clear();
  bodies.clear();
  b.until_free();
}

TEST_CASE("writers and readers on many threads get every byte through a spool") {
  const std::string directory = std::filesystem::temp_directory_path().string();
  auto file = posix_files().open_nameless(directory);
  REQUIRE(file);
  body::FakeSource memory;
  Transit transit(
      memory, std::make_unique<Spool>(std::move(*file), Spool::Settings{directory, 24 * M, 4 * M}),
      M);
  constexpr std::uint64_t kBytes = 6 * M + 777;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) {
        Sleeper writer_wake, wake;
        auto body = transit.create({.drop_passed = true, .lead_limit = 5 * M});
        BodyWriter writer(body, 0, body::kUnlimited, writer_wake);
        BodyReader reader(body, 0, body::kUnlimited, wake);
        std::thread other([&] {
          const std::size_t most = std::size_t{40'000} << i;
          bool right = read_upto(reader, wake, round == 2 ? 3 * M : kBytes, most);
          while (round < 2 && std::holds_alternative<body::Wait>(reader.next(1))) wake.sleep();
          right = right && (round == 2 || std::holds_alternative<End>(reader.next(1)));
          good += right ? 1 : 0;
        });
        while (write_upto(writer, round == 2 ? 4 * M : kBytes) != Stop::kNone) writer_wake.sleep();
        if (round == 2) {
          std::move(writer).fail(Error{Errc::kOriginCut});
        } else {
          std::move(writer).finish();
        }
        other.join();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(good == 12);
  until(transit, [&] { return transit.spool_stats().used == 0; });
}
