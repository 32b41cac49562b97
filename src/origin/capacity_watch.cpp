#include "origin/capacity_watch.h"

namespace weir::origin {

CapacityWatch::CapacityWatch(net::Loop& loop, Balancer& balancer, Owner& owner)
    : loop_(loop), balancer_(balancer), owner_(owner), timer_(loop, *this) {
  balancer_.watch(this);
  wake();
}

CapacityWatch::~CapacityWatch() {
  balancer_.watch(nullptr);
  loop_.cancel(*this);
}

void CapacityWatch::look() {
  const Capacity capacity = balancer_.capacity(loop_.now());
  timer_.set(capacity.changes_at);
  if (told_once_ && capacity.connections == told_) return;
  told_once_ = true;
  told_ = capacity.connections;
  owner_.on_capacity(*this, told_);
}

}  // namespace weir::origin
