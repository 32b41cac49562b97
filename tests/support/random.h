#pragma once
// Random values for property tests: the same ones in every run, from a seed.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
  std::string_view one_of(std::initializer_list<std::string_view> texts) {
    return texts.begin()[below(texts.size())];
  }
  // Small numbers often, and every magnitude now and then.
  std::uint64_t number() { return next() >> between(1, 63); }
  std::string text(std::string_view alphabet, std::size_t most) {
    std::string out;
    for (std::uint64_t n = below(most + 1); n > 0; --n) out += alphabet[below(alphabet.size())];
    return out;
  }

 private:
  std::uint64_t state_;
};

}  // namespace weir::test
