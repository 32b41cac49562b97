#pragma once
// OriginWatch: what concerns origins as a whole and is done once for all workers: their health
// checks, and how much may be asked of them. On the Loop of the first worker, whose thread alone
// may use it.

#include <memory>
#include <vector>

#include "app/setup.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "origin/capacity_watch.h"
#include "origin/health_checker.h"

namespace weir::app {

class OriginWatch final : public origin::CapacityWatch::Owner {
 public:
  OriginWatch(net::Loop& loop, net::Resolver& resolver) : loop_(loop), resolver_(resolver) {}

  // Begins to watch those that are new to it. Others go on until nobody uses them, see sweep().
  void watch(const std::vector<std::shared_ptr<SharedOrigin>>& origins);
  // Now and then: lets go of origins that nobody else has any more.
  void sweep();

  void on_capacity(const origin::CapacityWatch& watch, std::uint32_t connections) override;

 private:
  struct One {
    std::shared_ptr<SharedOrigin> origin;
    std::unique_ptr<origin::CapacityWatch> capacity;
    std::unique_ptr<origin::HealthChecker> health;  // null: it has no health checks
  };

  net::Loop& loop_;
  net::Resolver& resolver_;
  std::vector<std::unique_ptr<One>> watched_;
};

}  // namespace weir::app
