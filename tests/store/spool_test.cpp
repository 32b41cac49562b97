#include "store/spool.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>

#include "body/fake_source.h"
#include "store/transit.h"

using namespace weir;
using namespace weir::store;
using body::Bell;
using body::BodyReader;
using body::BodyWriter;
using body::End;
using body::Lease;
using body::Need;

namespace {

constexpr std::uint64_t M = body::kChunkSize;

std::unique_ptr<Spool> open_spool(std::uint64_t limit) {
  auto spool = Spool::open(std::filesystem::temp_directory_path().string(), limit);
  REQUIRE(spool);
  return std::move(*spool);
}

// Reads up to `upto`; every byte is compared.
void read_upto(BodyReader& reader, std::uint64_t upto) {
  while (reader.offset() < upto) {
    const auto next = reader.next(upto - reader.offset());
    const auto* lease = std::get_if<Lease>(&next);
    REQUIRE(lease);
    REQUIRE(body::is_content(lease->bytes, reader.offset()));
    reader.advance(lease->bytes.size());
  }
}

}  // namespace

TEST_CASE(
    "a spool gives chunks up to its limit, an eighth more when pressed, and again when freed") {
  const auto spool = open_spool(8 * M);
  Bell bell;
  std::vector<Ref<body::Chunk>> chunks;
  for (int i = 0; i < 8; ++i) chunks.push_back(spool->allocate(M, false));
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    REQUIRE(chunks[i]);
    CHECK(spool->owns(*chunks[i]));
    std::memset(chunks[i]->data(), static_cast<int>(i), M);
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    CHECK(chunks[i]->data()[M - 1] == static_cast<std::byte>(i));
  }
  CHECK_FALSE(spool->allocate(M, false));
  Ref<body::Chunk> extra = spool->allocate(M, true);
  CHECK(extra);
  CHECK_FALSE(spool->allocate(M, true));
  CHECK(spool->stats().used == 9 * M);
  spool->wait_for_room(bell);
  chunks.pop_back();
  CHECK(bell.take() == 1);
  extra = nullptr;
  CHECK(spool->allocate(M, false));
}

TEST_CASE("a spool in a directory that is not there says so") {
  const auto spool = Spool::open("/nonexistent/weir", M);
  REQUIRE_FALSE(spool);
  CHECK(spool.error().sys == ENOENT);
}

TEST_CASE("a response in transit has a window in memory and the rest in the spool") {
  body::FakeSource memory;
  Transit transit(memory, open_spool(64 * M), 4 * M);
  Bell bell;
  auto body = transit.create({.total = 32 * M, .drop_passed = true, .lead_limit = 24 * M});
  BodyWriter writer(body, 0, body::kUnlimited, bell);
  BodyReader reader(body, 0, body::kUnlimited, bell);
  CHECK(write_upto(writer, 32 * M) == BodyWriter::Stop::kLead);
  CHECK(writer.offset() == 24 * M);
  CHECK(memory.used() == 4 * M);
  CHECK(transit.spool_stats().used == 20 * M);
  SUBCASE("and comes as it was") {
    read_upto(reader, 20 * M);
    CHECK(write_upto(writer, 32 * M) == BodyWriter::Stop::kNone);
    std::move(writer).finish();
    read_upto(reader, 32 * M);
    CHECK(std::holds_alternative<End>(reader.next(1)));
    CHECK(memory.used() == 0);
    CHECK(transit.spool_stats().used == 0);
  }
  SUBCASE("a patient writer that presses is read from a little beyond every limit") {
    writer.be_patient();
    CHECK(write_upto(writer, 32 * M) == BodyWriter::Stop::kLead);
    writer.press(M);
    CHECK(write_upto(writer, 32 * M) == BodyWriter::Stop::kLead);
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
  CHECK(write_upto(writer, 8 * M) == BodyWriter::Stop::kNone);
  CHECK(memory.used() == 8 * M);
  std::move(writer).finish();
}
