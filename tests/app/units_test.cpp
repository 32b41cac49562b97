#include "app/units.h"

#include <doctest/doctest.h>

#include <string>

namespace weir::app {
namespace {

TEST_CASE("quantities are a whole number and a known unit") {
  struct Row {
    std::string_view text;
    std::span<const Unit> units;
    QuantityFault fault;
    std::uint64_t value;
  };
  using enum QuantityFault;
  const Row rows[] = {
      {"0 B", kByteUnits, kNone, 0},
      {"100 B", kByteUnits, kNone, 100},
      {"64 KiB", kByteUnits, kNone, 65536},
      {"64KiB", kByteUnits, kNone, 65536},
      {"1   GiB", kByteUnits, kNone, 1ULL << 30},
      {"512 MB", kByteUnits, kNone, 512'000'000},
      {"3 TB", kByteUnits, kNone, 3'000'000'000'000},
      {"8388607 TiB", kByteUnits, kNone, 8388607ULL << 40},
      {"8388608 TiB", kByteUnits, kTooLarge, 0},
      {"99999999999999999999 B", kByteUnits, kTooLarge, 0},
      {"64", kByteUnits, kNoUnit, 0},
      {"0", kByteUnits, kNoUnit, 0},
      {"64 ", kByteUnits, kNoUnit, 0},
      {"", kByteUnits, kNoNumber, 0},
      {"KiB", kByteUnits, kNoNumber, 0},
      {"-1 B", kByteUnits, kNoNumber, 0},
      {" 1 B", kByteUnits, kNoNumber, 0},
      {"1 kib", kByteUnits, kUnknownUnit, 0},
      {"1.5 GiB", kByteUnits, kUnknownUnit, 0},
      {"1 B ", kByteUnits, kUnknownUnit, 0},
      {"1 B/s", kByteUnits, kUnknownUnit, 0},
      {"2 MB/s", kRateUnits, kNone, 2'000'000},
      {"2 MB", kRateUnits, kUnknownUnit, 0},
      {"500 ms", kDurationUnits, kNone, 500'000'000},
      {"10 s", kDurationUnits, kNone, 10'000'000'000},
      {"2 min", kDurationUnits, kNone, 120'000'000'000},
      {"1 h", kDurationUnits, kNone, 3600'000'000'000},
      {"3 d", kDurationUnits, kNone, 259200'000'000'000},
      {"106752 d", kDurationUnits, kTooLarge, 0},
      {"1 m", kDurationUnits, kUnknownUnit, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    const Quantity q = parse_quantity(row.text, row.units);
    CHECK(q.fault == row.fault);
    if (row.fault == kNone) CHECK(q.value == row.value);
  }
}

TEST_CASE("a quantity is printed exactly, with the unit that needs the smallest number") {
  CHECK(format_quantity(0, kByteUnits) == "0 B");
  CHECK(format_quantity(0, kDurationUnits) == "0 s");
  CHECK(format_quantity(1, kByteUnits) == "1 B");
  CHECK(format_quantity(65536, kByteUnits) == "64 KiB");
  CHECK(format_quantity(65537, kByteUnits) == "65537 B");
  CHECK(format_quantity(512'000'000, kByteUnits) == "512 MB");
  CHECK(format_quantity(1ULL << 40, kByteUnits) == "1 TiB");
  CHECK(format_quantity(90'000'000'000, kDurationUnits) == "90 s");
  CHECK(format_quantity(120'000'000'000, kDurationUnits) == "2 min");
  CHECK(format_quantity(86400'000'000'000, kDurationUnits) == "1 d");
  CHECK(format_quantity(1'500'000'000, kDurationUnits) == "1500 ms");
  CHECK(format_quantity(2'000'000, kRateUnits) == "2 MB/s");
}

TEST_CASE("what is printed reads as the same value") {
  for (const auto& units : {std::span<const Unit>(kByteUnits), std::span<const Unit>(kRateUnits)}) {
    for (std::uint64_t v = 1; v < kQuantityMax / 7; v = v * 7 + 3) {
      const std::string text = format_quantity(v, units);
      CAPTURE(text);
      CHECK(parse_quantity(text, units).value == v);
    }
  }
}

TEST_CASE("habitual spellings lead to the unit that was meant") {
  CHECK(likely_unit("kib", kByteUnits) == "KiB");
  CHECK(likely_unit("M", kByteUnits) == "MiB");
  CHECK(likely_unit("bytes", kByteUnits) == "B");
  CHECK(likely_unit("sec", kDurationUnits) == "s");
  CHECK(likely_unit("m", kDurationUnits) == "min");
  CHECK(likely_unit("Hours", kDurationUnits) == "h");
  CHECK(likely_unit("mb", kRateUnits) == "MB/s");
  CHECK(likely_unit("parsec", kDurationUnits).empty());
}

}  // namespace
}  // namespace weir::app
