// Chunked bodies: cutting the input changes nothing, and data printed as chunks is read back.

#include "http_input.h"

using namespace weir;
using namespace weir::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input = fuzz::read_input(data, size);
  const std::string whole = test::chunked_outcome(input.text, {}, input.limits);
  WEIR_CHECK(test::chunked_outcome(input.text, input.cuts, input.limits) == whole);

  std::string encoded;
  std::size_t at = 0;
  for (std::size_t end : {input.cuts.empty() ? 0 : input.cuts[0], input.text.size()}) {
    if (end > at) {
      encoded += fmt::format("{:x};n=\"v\"\r\n{}\r\n", end - at, input.text.substr(at, end - at));
    }
    at = end;
  }
  encoded += "0\r\n\r\n";
  WEIR_CHECK(test::chunked_outcome(encoded, input.cuts) ==
             fmt::format("'{}' /{}", input.text, encoded.size()));
  return 0;
}
