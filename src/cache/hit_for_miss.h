#pragma once
// HitForMiss: the keys whose responses were not for the cache a little while ago, so that requests
// for them go to the origin at once instead of waiting for one another (Varnish's hit-for-miss). A
// table of fixed size, made when it is first needed: whatever clients ask for, it does not grow,
// and where too many keys share a bucket the mark that ends first gives way. A mark that is lost,
// or stands for another key of the same digest, costs a wait or a pass and nothing else.
// Not thread safe: its shard's lock guards it.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/time.h"

namespace weir::cache {

// Whom a mark lets pass: every request, or those with Authorization, whose answers are kept only
// where the response says so (RFC 9111 §3.5).
enum class Whom : std::uint8_t { kEveryone, kAuthorized };

class HitForMiss {
 public:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kMost = 64 * kWays;  // marks

  void set(const Digest& key, Whom whom, WallTime until);
  void clear(const Digest& key, Whom whom);
  // Whether a request, with Authorization or without, may pass now.
  bool stands(const Digest& key, bool authorized, WallTime now) const;

 private:
  struct Mark {
    Digest key;
    WallTime until{};
    Whom whom = Whom::kEveryone;
  };
  static std::size_t bucket(const Digest& key) { return key.low % (kMost / kWays) * kWays; }

  std::vector<Mark> marks_;  // empty, or kMost
};

}  // namespace weir::cache
