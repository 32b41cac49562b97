#pragma once
// CapacityWatch: tells, on one Loop, what the servers of an origin may take together, at once and
// whenever it changes: a server was ejected or is back, its health changed, a trial came due.
// Loop's thread only.

#include "base/executor.h"
#include "net/loop.h"
#include "origin/balancer.h"

namespace weir::origin {

class CapacityWatch final : private body::Waiter, private Task, private net::Timer::Owner {
 public:
  class Owner {
   public:
    // Capacity::connections. Only when it differs from the last time.
    virtual void on_capacity(const CapacityWatch& watch, std::uint32_t connections) = 0;

   protected:
    ~Owner() = default;
  };

  // One for each Balancer. Tells first in a later turn of the loop.
  CapacityWatch(net::Loop& loop, Balancer& balancer, Owner& owner);
  ~CapacityWatch();

 private:
  void wake() noexcept override { loop_.post(*this); }
  void run() noexcept override { look(); }
  void on_timer(net::Timer&) override { look(); }
  void look();

  net::Loop& loop_;
  Balancer& balancer_;
  Owner& owner_;
  net::Timer timer_;
  std::uint32_t told_ = 0;
  bool told_once_ = false;
};

}  // namespace weir::origin
