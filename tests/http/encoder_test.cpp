#include "http/encoder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/content.h"
#include "support/decoder.h"

namespace weir::http {
namespace {

using Bytes = std::span<const std::byte>;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Takes what there is, `most` bytes at a time.
void take(Encoder& encoder, std::string& out, std::size_t most = SIZE_MAX) {
  while (!encoder.output().empty()) {
    const std::size_t n = std::min(most, encoder.output().size());
    out.append(reinterpret_cast<const char*>(encoder.output().data()), n);
    encoder.consume(n);
  }
}

void feed(Encoder& encoder, std::string_view text, std::string& out, std::size_t most = SIZE_MAX) {
  while (!text.empty()) {
    const std::size_t n = encoder.feed(bytes_of(text));
    REQUIRE((n > 0 || !encoder.output().empty()));
    text.remove_prefix(n);
    take(encoder, out, most);
  }
}

void flush(Encoder& encoder, std::string& out) {
  while (!encoder.flush()) take(encoder, out);
  take(encoder, out);
}

void finish(Encoder& encoder, std::string& out, std::size_t most = SIZE_MAX) {
  while (!encoder.finish()) take(encoder, out, most);
  take(encoder, out, most);
}

std::string text_of(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) {
    text += "row " + std::to_string(i * 7919 % 1000) + ": a line of a text that says little\n";
  }
  text.resize(size);
  return text;
}

std::string noise_of(std::size_t size) {
  std::string noise(size, ' ');
  test::fill_content(3, 0, noise);
  return noise;
}

struct Row {
  Coding coding;
  int level;
};
std::vector<Row> rows() {
  std::vector<Row> out;
  for (int level = 1; level <= kGzipLevelMost; ++level) out.push_back({Coding::kGzip, level});
  for (int level = 0; level <= kBrotliLevelMost; ++level) out.push_back({Coding::kBrotli, level});
  return out;
}

}  // namespace

TEST_CASE("What is encoded is decoded to the same bytes, at every level, of every size") {
  for (const Row& row : rows()) {
    for (const std::size_t size : {0, 1, 2, 100, 1023, 65536, 1'500'001}) {
      for (const std::string& text : {text_of(size), noise_of(size)}) {
        for (const bool known : {true, false}) {
          CAPTURE(name(row.coding));
          CAPTURE(row.level);
          CAPTURE(size);
          const auto total = known ? std::optional<std::uint64_t>(size) : std::nullopt;
          const auto encoder = Encoder::make(row.coding, row.level, total);
          REQUIRE(encoder);
          std::string coded;
          feed(*encoder, text, coded);
          finish(*encoder, coded);
          const test::Decoded decoded = test::decode(name(row.coding), coded);
          CHECK(decoded.whole());
          CHECK(decoded.bytes == text);
          CHECK_FALSE(encoder->failed());
          CHECK(encoder->memory() <= Encoder::footprint(row.coding, row.level, total));
          CHECK(coded.size() <= size + size / 100 + 100);
        }
      }
    }
  }
}

TEST_CASE("How the input is cut makes no difference, nor how the output is taken") {
  const std::string text = text_of(3000) + noise_of(2000) + text_of(3000);
  for (const Row& row : {Row{Coding::kGzip, 5}, Row{Coding::kBrotli, 4}, Row{Coding::kBrotli, 0}}) {
    for (const std::size_t piece : {1, 2, 7, 100, 4096}) {
      for (const std::size_t most : {1, 3, 5000}) {
        CAPTURE(name(row.coding));
        CAPTURE(piece);
        CAPTURE(most);
        const auto encoder = Encoder::make(row.coding, row.level, {});
        std::string coded;
        for (std::size_t at = 0; at < text.size(); at += piece) {
          feed(*encoder, std::string_view(text).substr(at, piece), coded, most);
        }
        finish(*encoder, coded, most);
        const test::Decoded decoded = test::decode(name(row.coding), coded);
        CHECK(decoded.whole());
        CHECK(decoded.bytes == text);
      }
    }
    for (std::size_t cut = 0; cut <= 300; ++cut) {
      const auto encoder = Encoder::make(row.coding, row.level, {});
      const std::string_view some = std::string_view(text).substr(0, 300);
      std::string coded;
      feed(*encoder, some.substr(0, cut), coded);
      feed(*encoder, some.substr(cut), coded);
      finish(*encoder, coded);
      CHECK(test::decode(name(row.coding), coded).bytes == some);
    }
  }
}

TEST_CASE("What was flushed can be decoded though the end has not come") {
  for (const Row& row : rows()) {
    CAPTURE(name(row.coding));
    CAPTURE(row.level);
    const auto encoder = Encoder::make(row.coding, row.level, {});
    std::string coded, fed;
    for (const std::size_t size : {1, 50, 0, 20'000, 3, 200'000}) {
      const std::string text = noise_of(size / 2) + text_of(size - size / 2);
      feed(*encoder, text, coded);
      flush(*encoder, coded);
      fed += text;
      const test::Decoded decoded = test::decode(name(row.coding), coded);
      CHECK(decoded.sound);
      CHECK_FALSE(decoded.ended);
      CHECK(decoded.bytes == fed);
    }
    flush(*encoder, coded);  // and again, with nothing new
    finish(*encoder, coded);
    CHECK(test::decode(name(row.coding), coded).whole());
    CHECK(test::decode(name(row.coding), coded).bytes == fed);
  }
}

TEST_CASE("An encoder that coasts goes on with the same stream, and only wraps what comes") {
  for (const Row& row : rows()) {
    for (const std::size_t begin : {1, 100, 70'000, 400'000}) {
      for (const std::size_t rest : {0, 1, 16'383, 16'384, 16'385, 300'000}) {
        CAPTURE(name(row.coding));
        CAPTURE(row.level);
        CAPTURE(begin);
        CAPTURE(rest);
        const auto encoder = Encoder::make(row.coding, row.level, {});
        const std::string first = noise_of(begin / 2) + text_of(begin - begin / 2);
        const std::string second = text_of(rest);
        std::string coded;
        feed(*encoder, first, coded, 1000);
        while (!encoder->coast()) take(*encoder, coded, 1000);
        take(*encoder, coded);
        CHECK(encoder->coast());
        CHECK(test::decode(name(row.coding), coded).bytes == first);
        const std::size_t before = coded.size();
        feed(*encoder, second, coded, 1000);
        flush(*encoder, coded);
        CHECK(test::decode(name(row.coding), coded).bytes == first + second);
        CHECK(coded.size() - before >= rest);
        CHECK(coded.size() - before <= rest + rest / 1000 + 20);
        finish(*encoder, coded);
        const test::Decoded decoded = test::decode(name(row.coding), coded);
        CHECK(decoded.whole());
        CHECK(decoded.bytes == first + second);
        CHECK(encoder->memory() <= Encoder::footprint(row.coding, row.level, {}));
      }
    }
  }
}

TEST_CASE("What was not taken of a piece is not in the stream, whatever is called next") {
  enum class Then { kFlush, kCoast, kFinish };
  const std::string noise = noise_of(3'000'000);
  for (const Row& row : rows()) {
    for (const Then then : {Then::kFlush, Then::kCoast, Then::kFinish}) {
      CAPTURE(name(row.coding));
      CAPTURE(row.level);
      const auto encoder = Encoder::make(row.coding, row.level, {});
      std::string coded;
      std::size_t taken = 0;
      while (taken < 400'000) {
        std::string copy = noise.substr(taken);
        taken += encoder->feed(bytes_of(copy));
        std::fill(copy.begin(), copy.end(), '!');  // nobody looks at it any more
        take(*encoder, coded);
      }
      if (then == Then::kFlush) flush(*encoder, coded);
      if (then == Then::kCoast) {
        while (!encoder->coast()) take(*encoder, coded);
      }
      finish(*encoder, coded);
      CHECK(test::decode(name(row.coding), coded).whole());
      CHECK((test::decode(name(row.coding), coded).bytes == noise.substr(0, taken)));
    }
  }
}

TEST_CASE("Text becomes a fraction; small bodies take little memory") {
  const std::string text = text_of(100'000);
  for (const Row& row : {Row{Coding::kGzip, 5}, Row{Coding::kBrotli, 4}}) {
    const auto encoder = Encoder::make(row.coding, row.level, text.size());
    std::string coded;
    feed(*encoder, text, coded);
    finish(*encoder, coded);
    CHECK(coded.size() < text.size() / 10);
  }
  CHECK_FALSE(Encoder::make(Coding::kIdentity, 0, {}));
  CHECK(Encoder::footprint(Coding::kGzip, 5, 2000) < 200 * 1024);
  CHECK(Encoder::footprint(Coding::kGzip, 5, {}) < 320 * 1024);
}

}  // namespace weir::http
