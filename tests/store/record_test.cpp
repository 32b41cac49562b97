#include "store/record.h"

#include <doctest/doctest.h>

#include <cstring>

using namespace weir;
using namespace weir::store;

namespace {

constexpr std::uint64_t kSalt = 77;

Record sample() {
  Record r;
  r.kind = RecordKind::kObject;
  r.refillable = true;
  r.length = 123;
  r.sequence = 0x0102030405060708;
  r.key = {11, 12};
  r.body = 13;
  r.part = 14;
  r.total = 15;
  return r;
}

// All bits of `bytes`, one at a time, are refused by `decode`.
template <class Bytes, class Decode>
void refuses_each_flip(Bytes bytes, Decode decode) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    if (decode(bytes)) FAIL_CHECK("bit ", bit, " may be flipped unnoticed");
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace

TEST_CASE("A record's header comes back as it was, and with no bit of it flipped") {
  RecordHeader header;
  encode(sample(), 99, kSalt, header);
  const auto back = decode_record(header, kSalt);
  REQUIRE(back);
  CHECK(back->record == sample());
  CHECK(back->payload_sum == 99);
  refuses_each_flip(header, [](const auto& b) { return decode_record(b, kSalt).has_value(); });
}

TEST_CASE("A record of another region is none") {
  RecordHeader header;
  encode(sample(), 99, kSalt, header);
  CHECK_FALSE(decode_record(header, kSalt + 1));
  CHECK_FALSE(decode_record(std::span(header).first(kRecordHeaderBytes - 1), kSalt));
}

TEST_CASE("Numbers are little-endian where FORMAT.md says they are") {
  RecordHeader header;
  encode(sample(), 99, kSalt, header);
  const auto byte = [&](std::size_t at) { return std::to_integer<int>(header[at]); };
  CHECK(std::memcmp(header.data(), "WREC", 4) == 0);
  CHECK(byte(4) == 2);    // kind
  CHECK(byte(5) == 1);    // flags
  CHECK(byte(8) == 123);  // length
  CHECK(byte(16) == 8);   // sequence, the least byte first
  CHECK(byte(23) == 1);
  CHECK(byte(24) == 11);  // key
  CHECK(byte(32) == 12);
  CHECK(byte(40) == 13);  // body
  CHECK(byte(48) == 14);  // part
  CHECK(byte(56) == 15);  // total
  CHECK(byte(64) == 99);  // sum of the payload
}

TEST_CASE("Region headers, footers and entries come back, and damage shows") {
  std::array<std::byte, kRegionHeaderBytes> header;
  encode(RegionHeader{5, 6, 7}, header);
  const auto region = decode_region_header(header);
  REQUIRE(region);
  CHECK(region->id == 5);
  CHECK(region->salt == 6);
  CHECK(region->disk == 7);
  refuses_each_flip(header, [](const auto& b) { return decode_region_header(b).has_value(); });

  std::array<std::byte, kFooterBytes> footer;
  encode(Footer{1000, 3}, kSalt, footer);
  CHECK(decode_footer(footer, kSalt)->contents_at == 1000);
  CHECK(decode_footer(footer, kSalt)->entries == 3);
  refuses_each_flip(footer, [](const auto& b) { return decode_footer(b, kSalt).has_value(); });

  std::array<std::byte, kEntryBytes> line;
  encode(Entry{sample(), 4096}, line);
  const auto entry = decode_entry(line);
  REQUIRE(entry);
  CHECK(entry->record == sample());
  CHECK(entry->offset == 4096);
}
