#pragma once
// XXH3 (not cryptographic: full keys are compared on a hit).

#include <compare>
#include <cstdint>
#include <string_view>

namespace weir {

struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

Digest digest(std::string_view bytes);
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

struct DigestHash {
  std::size_t operator()(const Digest& d) const { return d.low; }
};

}  // namespace weir
