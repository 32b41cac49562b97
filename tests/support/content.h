#pragma once
// The bytes of the test objects. Byte `offset` of object number `n` is a pure function of both, so
// a body of any size can be made and every byte of any range checked without storing anything.
// Shared by weir-origin, which makes them, and the test client, which checks them.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir::test {

static_assert(std::endian::native == std::endian::little, "words are stored as they are");

// FNV-1a: the hash of request bodies in weir-origin's counts. Pass the last result to go on.
inline constexpr std::uint64_t kHashStart = 0xCBF29CE484222325U;
constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t hash = kHashStart) {
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return hash;
}

// The object number of a path whose query names none.
constexpr std::uint64_t content_number(std::string_view path) { return hash_bytes(path); }

constexpr std::uint64_t content_seed(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9U;
  n = (n ^ (n >> 27)) * 0x94D049BB133111EBU;
  return n ^ (n >> 31);
}

// Eight bytes of an object: those from 8 * index on. Different words for all indexes of an object.
constexpr std::uint64_t content_word(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t x = seed + index * 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93U;
  return x ^ (x >> 29);
}

constexpr char content_byte(std::uint64_t n, std::uint64_t offset) {
  const std::uint64_t word = content_word(content_seed(n), offset / 8);
  return static_cast<char>(word >> (offset % 8 * 8));
}

// Fills `out` with the bytes from `offset` on.
inline void fill_content(std::uint64_t n, std::uint64_t offset, std::span<char> out) {
  const std::uint64_t seed = content_seed(n);
  std::size_t at = 0;
  while (at < out.size() && (offset + at) % 8 != 0) {
    out[at] = content_byte(n, offset + at);
    ++at;
  }
  std::uint64_t index = (offset + at) / 8;
  for (; at + 8 <= out.size(); at += 8) {
    const std::uint64_t word = content_word(seed, index++);
    std::memcpy(out.data() + at, &word, 8);
  }
  for (; at < out.size(); ++at) {
    out[at] = content_byte(n, offset + at);
  }
}

// How many bytes from the start of `bytes` are right: bytes.size() when all are.
inline std::size_t check_content(std::uint64_t n, std::uint64_t offset,
                                 std::span<const char> bytes) {
  const std::uint64_t seed = content_seed(n);
  std::size_t at = 0;
  while (at < bytes.size()) {
    if ((offset + at) % 8 == 0 && at + 8 <= bytes.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, 8);
      if (word == content_word(seed, (offset + at) / 8)) {
        at += 8;
        continue;
      }
    }
    if (bytes[at] != content_byte(n, offset + at)) {
      return at;
    }
    ++at;
  }
  return at;
}

}  // namespace weir::test
