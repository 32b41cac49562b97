#include "http/encoder.h"

#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"

namespace weir::http {
namespace {

// Both codings find repetitions within the last 2^bits bytes, and more than there are is waste.
int window_bits(std::optional<std::uint64_t> total, int least, int most) {
  if (!total) return most;
  return std::clamp(static_cast<int>(std::bit_width(*total)), least, most);
}

// The libraries' memory, counted.
class Tally {
 public:
  static void* take(void* tally, std::size_t size) {
    auto* block = static_cast<Head*>(std::malloc(sizeof(Head) + size));
    if (!block) return nullptr;
    block->size = size;
    auto* self = static_cast<Tally*>(tally);
    self->now_ += size;
    self->most_ = std::max(self->most_, self->now_);
    return block + 1;
  }
  static void give(void* tally, void* memory) {
    if (!memory) return;
    auto* block = static_cast<Head*>(memory) - 1;
    static_cast<Tally*>(tally)->now_ -= block->size;
    std::free(block);
  }
  static void* take_items(void* tally, unsigned items, unsigned size) {
    return take(tally, std::size_t{items} * size);
  }
  std::size_t most() const { return most_; }

 private:
  struct alignas(std::max_align_t) Head {
    std::size_t size;
  };
  std::size_t now_ = 0;
  std::size_t most_ = 0;
};

constexpr int kGzipWindowLeast = 9, kGzipWindowMost = 15;  // RFC 1951 §2
constexpr int kGzipMemory = 8;                             // zlib's default memLevel
constexpr int kGzipFormat = 16;                            // a gzip header and trailer: RFC 1952
constexpr std::size_t kGzipBuffer = std::size_t{16} * 1024;

class GzipEncoder final : public Encoder {
 public:
  bool begin(int level, std::optional<std::uint64_t> total) {
    z_.zalloc = &Tally::take_items;
    z_.zfree = &Tally::give;
    z_.opaque = &tally_;
    const int bits = window_bits(total, kGzipWindowLeast, kGzipWindowMost) + kGzipFormat;
    begun_ = ::deflateInit2(&z_, level, Z_DEFLATED, bits, kGzipMemory, Z_DEFAULT_STRATEGY) == Z_OK;
    return begun_;
  }
  ~GzipEncoder() override {
    if (begun_) ::deflateEnd(&z_);
  }

  std::size_t feed(std::span<const std::byte> in) override {
    if (!output_.empty()) return 0;
    const auto most = static_cast<uInt>(std::min<std::size_t>(in.size(), 1U << 30));
    z_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    z_.avail_in = most;
    run(Z_NO_FLUSH);
    const std::size_t left = std::exchange(z_.avail_in, 0);  // it will be fed again, or never
    return most - left;
  }
  bool flush() override { return output_.empty() && run(Z_SYNC_FLUSH) != Z_STREAM_END && !full(); }
  // Level 0 makes stored blocks (RFC 1951 §3.2.4). With nothing pending it can be set at once.
  bool coast() override {
    if (coasting_) return true;
    flushed_ = flushed_ || flush();
    if (!flushed_ || !output_.empty()) return false;
    give_room();
    WEIR_CHECK(::deflateParams(&z_, 0, Z_DEFAULT_STRATEGY) == Z_OK);
    take_made();
    coasting_ = true;
    return true;
  }
  bool finish() override { return output_.empty() && run(Z_FINISH) == Z_STREAM_END; }
  bool failed() const override { return false; }  // it has all its memory
  std::size_t memory() const override { return sizeof *this + tally_.most(); }

 private:
  bool full() const { return z_.avail_out == 0; }
  int run(int how) {
    give_room();
    // Z_BUF_ERROR: there was nothing to do.
    const int result = ::deflate(&z_, how);
    WEIR_CHECK(result != Z_STREAM_ERROR);
    take_made();
    return result;
  }
  void give_room() {
    z_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    z_.avail_out = static_cast<uInt>(buffer_.size());
  }
  void take_made() { output_ = std::span(buffer_).first(buffer_.size() - z_.avail_out); }

  Tally tally_;
  z_stream z_{};
  bool begun_ = false;
  bool flushed_ = false;  // in order to coast
  bool coasting_ = false;
  std::array<std::byte, kGzipBuffer> buffer_;
};

constexpr int kBrotliWindowLeast = 14, kBrotliWindowMost = 18;
constexpr std::uint32_t kBrotliBlock = 16;                    // what is worked on at once: 64 KiB
constexpr std::size_t kBrotliPlain = std::size_t{16} * 1024;  // of an uncompressed meta-block

class BrotliEncoder final : public Encoder {
 public:
  bool begin(int level, std::optional<std::uint64_t> total) {
    if (!state_) return false;
    const int bits = window_bits(total, kBrotliWindowLeast, kBrotliWindowMost);
    set(BROTLI_PARAM_QUALITY, static_cast<std::uint32_t>(level));
    set(BROTLI_PARAM_LGWIN, static_cast<std::uint32_t>(bits));
    if (level >= 4) set(BROTLI_PARAM_LGBLOCK, kBrotliBlock);  // below, it is not more
    // Said in any case, lest it is guessed. From 1 MiB on it would take larger tables.
    constexpr std::uint64_t kHintMost = std::uint64_t{1} << 19;
    const std::uint64_t hint = std::min(total.value_or(kHintMost), kHintMost);
    set(BROTLI_PARAM_SIZE_HINT, static_cast<std::uint32_t>(hint));
    return true;
  }

  std::size_t feed(std::span<const std::byte> in) override {
    if (!output_.empty()) return 0;
    if (coasting_) return wrap(in.first(std::min(in.size(), kBrotliPlain)));
    return in.size() - run(BROTLI_OPERATION_PROCESS, in);
  }
  bool flush() override {
    if (!output_.empty()) return false;
    if (coasting_) return true;
    run(BROTLI_OPERATION_FLUSH, {});
    return BROTLI_FALSE == ::BrotliEncoderHasMoreOutput(state_.get());
  }
  // The library cannot change its mind, but what was flushed ends at a byte: from there on we write
  // the stream, and its memory is free.
  bool coast() override {
    if (coasting_) return true;
    flushed_ = flushed_ || flush();
    if (!flushed_ || !output_.empty()) return false;
    state_ = nullptr;
    coasting_ = true;
    return true;
  }
  bool finish() override {
    if (!output_.empty()) return false;
    if (coasting_) return end();
    run(BROTLI_OPERATION_FINISH, {});
    return failed_ || BROTLI_TRUE == ::BrotliEncoderIsFinished(state_.get());
  }
  bool failed() const override { return failed_; }
  std::size_t memory() const override { return sizeof *this + tally_.most(); }

 private:
  void set(BrotliEncoderParameter parameter, std::uint32_t value) {
    WEIR_CHECK(::BrotliEncoderSetParameter(state_.get(), parameter, value) == BROTLI_TRUE);
  }

  // An uncompressed meta-block (RFC 7932 §9.2): ISLAST 0, MNIBBLES 4, MLEN - 1, ISUNCOMPRESSED 1,
  // from the lowest bit on; then the bytes.
  std::size_t wrap(std::span<const std::byte> in) {
    if (in.empty()) return 0;
    const auto head = static_cast<std::uint32_t>((in.size() - 1) << 3 | 1U << 19);
    plain_.resize(3 + in.size());
    for (std::size_t i = 0; i < 3; ++i) plain_[i] = static_cast<std::byte>(head >> (8 * i) & 0xff);
    std::memcpy(plain_.data() + 3, in.data(), in.size());
    output_ = plain_;
    return in.size();
  }
  bool end() {
    static constexpr std::byte kLastEmpty[1] = {std::byte{3}};  // ISLAST 1, ISLASTEMPTY 1
    if (!std::exchange(ended_, true)) output_ = kLastEmpty;
    return true;
  }

  // Returns how many bytes were left. The output stays in the encoder's own memory.
  std::size_t run(BrotliEncoderOperation how, std::span<const std::byte> in) {
    std::size_t left = in.size();
    std::size_t room = 0;
    const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
    if (!failed_ && ::BrotliEncoderCompressStream(state_.get(), how, &left, &next, &room, nullptr,
                                                  nullptr) == BROTLI_FALSE) {
      failed_ = true;
    }
    if (failed_) return 0;
    std::size_t size = 0;  // all there is
    const std::uint8_t* made = ::BrotliEncoderTakeOutput(state_.get(), &size);
    output_ = std::as_bytes(std::span(made, size));
    return left;
  }

  struct Free {
    void operator()(BrotliEncoderState* state) const { ::BrotliEncoderDestroyInstance(state); }
  };
  Tally tally_;
  std::unique_ptr<BrotliEncoderState, Free> state_{
      ::BrotliEncoderCreateInstance(&Tally::take, &Tally::give, &tally_)};
  std::vector<std::byte> plain_;
  bool failed_ = false;
  bool flushed_ = false;  // in order to coast
  bool coasting_ = false;
  bool ended_ = false;  // while coasting
};

template <class T>
std::unique_ptr<Encoder> made(int level, std::optional<std::uint64_t> total) {
  auto encoder = std::make_unique<T>();
  if (!encoder->begin(level, total)) return nullptr;
  return encoder;
}

}  // namespace

std::unique_ptr<Encoder> Encoder::make(Coding coding, int level,
                                       std::optional<std::uint64_t> total) {
  switch (coding) {
    case Coding::kIdentity:
      return nullptr;
    case Coding::kGzip:
      return made<GzipEncoder>(level, total);
    case Coding::kBrotli:
      return made<BrotliEncoder>(level, total);
  }
  return nullptr;
}

std::size_t Encoder::footprint(Coding coding, int level, std::optional<std::uint64_t> total) {
  constexpr std::size_t kKiB = 1024;
  switch (coding) {
    case Coding::kIdentity:
      return 0;
    case Coding::kGzip:
      return 160 * kKiB + kGzipBuffer +
             (std::size_t{1} << (2 + window_bits(total, kGzipWindowLeast, kGzipWindowMost)));
    case Coding::kBrotli: {  // as measured: tables, then what grows with the input up to a limit
      const std::size_t tables = (level <= 4 ? 640 : 2304) * kKiB;
      const std::size_t most = (level <= 4 ? 3328 : 6144) * kKiB;
      const std::uint64_t input = std::min<std::uint64_t>(total.value_or(most), most);
      return std::min<std::size_t>(most, tables + 20 * input);
    }
  }
  return 0;
}

}  // namespace weir::http
