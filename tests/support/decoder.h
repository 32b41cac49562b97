#pragma once
// What a client makes of a coded body: decoded by the libraries' own decoders, strictly.

#include <optional>
#include <string>
#include <string_view>

namespace weir::test {

struct Decoded {
  std::string bytes;
  bool ended = false;  // the coding's own end was reached, and nothing stood behind it
  bool sound = true;   // no error so far
  bool whole() const { return ended && sound; }
};

// As much as can be decoded of `coded`, which may be cut anywhere.
Decoded gunzip(std::string_view coded);
Decoded unbrotli(std::string_view coded);
// By Content-Encoding: "gzip" or "br"; else as it is.
Decoded decode(std::string_view coding, std::string_view coded);

}  // namespace weir::test
