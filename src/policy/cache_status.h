#pragma once
// The Cache-Status field (RFC 9211): what this cache did, in a form that people and tools read.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::policy {

enum class Forward : std::uint8_t {  // RFC 9211 §2.2
  kNone,
  kBypass,
  kMethod,
  kUriMiss,
  kVaryMiss,
  kMiss,
  kRequest,
  kStale,
  kPartial,
};

struct CacheStatus {
  bool hit = false;                  // then `forward` is kNone
  Forward forward = Forward::kNone;  // the next three count only with it
  std::optional<int> forward_status = {};
  bool stored = false;
  bool collapsed = false;
  std::optional<Seconds> ttl = {};  // negative when stale
  std::string_view detail = {};     // our named reason; a token
  std::string_view key = {};        // the cache key, where it is to be told
};

// `weir; hit; ttl=376`, `weir; fwd=uri-miss; fwd-status=200; stored; detail=...`. Appends one list
// member: what caches nearer to the origin have said stands before it, with ", " between (§2).
void print_cache_status(const CacheStatus& status, std::string& out);

}  // namespace weir::policy
