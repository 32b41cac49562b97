#pragma once
// Switched: what a 101 leaves of a Call: a connection to an origin that speaks HTTP no more. It
// keeps its place under the limit of connections, and counts as under way at its server, until it
// dies. Loop's thread only.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "origin/pool.h"

namespace weir::origin {

class Switched {
 public:
  // `early`: bytes that came behind the head. `pool` outlives it.
  Switched(Pool& pool, Pick pick, Connection connection, std::string_view early)
      : pool_(&pool), pick_(pick), connection_(std::move(connection)), early_(early) {}
  Switched(Switched&& other) noexcept
      : pool_(other.pool_),
        pick_(std::exchange(other.pick_, {})),
        connection_(std::move(other.connection_)),
        early_(std::move(other.early_)) {}
  Switched& operator=(Switched&&) = delete;
  ~Switched() {
    if (!pick_) return;
    const TimePoint now = pool_->loop().now();
    pool_->servers().balancer.done(*pick_, Verdict::kOk, now, pool_->random());
  }

  net::Conn& conn() { return *connection_.conn; }
  std::string take_early() { return std::exchange(early_, {}); }

 private:
  Pool* pool_;
  std::optional<Pick> pick_;
  Connection connection_;
  std::string early_;
};

}  // namespace weir::origin
