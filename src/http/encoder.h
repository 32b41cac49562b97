#pragma once
// Encoder: bytes in, coded bytes out, a piece at a time and in bounded memory. What it has made
// must be taken before it takes more:
//
//   Ready --feed(), flush(), finish() make output--> Full --consume() of all of it--> Ready
//
// All memory is taken when it is made (gzip) or with the first bytes (brotli, whose window grows
// with the input up to its size). Pure; one thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "http/coding.h"

namespace weir::http {

inline constexpr int kGzipLevelMost = 9;
// Above that brotli takes up to 32 MiB for each response, and half a second for each MiB.
inline constexpr int kBrotliLevelMost = 6;

class Encoder {
 public:
  // `level`: 1 to kGzipLevelMost, or 0 to kBrotliLevelMost. `total`: bytes to come, if known; small
  // ones get small windows. Null for kIdentity, and where memory is refused.
  static std::unique_ptr<Encoder> make(Coding coding, int level,
                                       std::optional<std::uint64_t> total);
  // No such Encoder takes more memory. Bytes.
  static std::size_t footprint(Coding coding, int level, std::optional<std::uint64_t> total);
  virtual ~Encoder() = default;

  // Returns how many of the first bytes were taken: all of them, unless there is output now. None
  // while there is.
  virtual std::size_t feed(std::span<const std::byte> in) = 0;
  // What was fed can be decoded from what was put out. False: not yet; consume and call again.
  virtual bool flush() = 0;
  // From here on what is fed is put out as it is, in the coding's own wrapping: next to no work.
  // Only after something was fed. False: not yet; consume and call again.
  virtual bool coast() = 0;
  // The end. False: not yet; consume and call again. Nothing is fed afterwards.
  virtual bool finish() = 0;
  // Memory ran out within: what comes out is of no use.
  virtual bool failed() const = 0;
  virtual std::size_t memory() const = 0;  // the most it has taken so far; bytes

  // Good until the next call but of output() and consume().
  std::span<const std::byte> output() const { return output_; }
  void consume(std::size_t n) { output_ = output_.subspan(n); }

 protected:
  std::span<const std::byte> output_;
};

}  // namespace weir::http
