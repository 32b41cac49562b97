#include "support/decoder.h"

#include <brotli/decode.h>
#include <zlib.h>

#include <array>

namespace weir::test {

Decoded gunzip(std::string_view coded) {
  Decoded out;
  z_stream z{};
  if (::inflateInit2(&z, 15 + 16) != Z_OK) return {"", false, false};
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(coded.data()));
  z.avail_in = static_cast<uInt>(coded.size());
  std::array<char, 65536> buffer;
  int result = Z_OK;
  do {
    z.next_out = reinterpret_cast<Bytef*>(buffer.data());
    z.avail_out = static_cast<uInt>(buffer.size());
    result = ::inflate(&z, Z_SYNC_FLUSH);
    out.bytes.append(buffer.data(), buffer.size() - z.avail_out);
  } while (result == Z_OK && (z.avail_in > 0 || z.avail_out == 0));
  out.ended = result == Z_STREAM_END && z.avail_in == 0;
  out.sound = result == Z_OK || result == Z_BUF_ERROR || out.ended;
  ::inflateEnd(&z);
  return out;
}

Decoded unbrotli(std::string_view coded) {
  Decoded out;
  BrotliDecoderState* state = ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  const auto* next = reinterpret_cast<const std::uint8_t*>(coded.data());
  std::size_t left = coded.size();
  std::array<char, 65536> buffer;
  BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT ||
         ::BrotliDecoderHasMoreOutput(state) == BROTLI_TRUE) {
    auto* to = reinterpret_cast<std::uint8_t*>(buffer.data());
    std::size_t room = buffer.size();
    result = ::BrotliDecoderDecompressStream(state, &left, &next, &room, &to, nullptr);
    out.bytes.append(buffer.data(), buffer.size() - room);
  }
  out.ended = result == BROTLI_DECODER_RESULT_SUCCESS && left == 0;
  out.sound = out.ended || result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
  ::BrotliDecoderDestroyInstance(state);
  return out;
}

Decoded decode(std::string_view coding, std::string_view coded) {
  if (coding == "gzip") return gunzip(coded);
  if (coding == "br") return unbrotli(coded);
  return {std::string(coded), true, true};
}

}  // namespace weir::test
