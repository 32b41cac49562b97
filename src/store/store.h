#pragma once
// Store: room for bodies and their eviction. Knows digests and bytes; no HTTP, clock or socket.
// Any thread.

#include <cstdint>
#include <functional>

#include "base/hash.h"
#include "base/ref.h"
#include "body/body.h"

namespace weir::store {

struct StoreStats {
  std::uint64_t limit = 0;  // bytes, from the conf file
  std::uint64_t used = 0;   // charged now: chunks (rounded as allocated), metadata, overhead
  std::uint64_t chunks = 0;
  std::uint64_t evicted_chunks = 0;
  std::uint64_t evicted_bytes = 0;
  std::uint64_t refused = 0;     // allocate() found nothing to evict
  std::uint64_t ghost_hits = 0;  // came back soon after eviction, went straight to main
};

class Store {
 public:
  // The last chunk of a body was evicted. Runs unlocked, on the thread whose allocation caused it.
  using Emptied = std::function<void(const Digest& id)>;
  virtual ~Store() = default;

  virtual Ref<body::Body> create(const body::BodyOptions& options) = 0;
  // The largest body that can sensibly be kept whole here. Bytes.
  virtual std::uint64_t keep_limit() const = 0;
  virtual StoreStats stats() const = 0;
};

}  // namespace weir::store
