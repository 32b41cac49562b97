#pragma once
// Admin: the address where Weir tells about itself and takes orders, served by its own HTTP code on
// the first worker's Loop. It has connections, limits and a store of its own, so that it answers
// when those for clients are exhausted, and its own traffic is in no metric.

#include <memory>
#include <vector>

#include "app/admin_exchange.h"
#include "app/shared.h"
#include "front/frontend.h"
#include "proxy/purger.h"

namespace weir::app {

class Admin final : private front::Service {
 public:
  // Takes over the listening socket. The others outlive it; Loop's thread only, but for
  // construction and destruction while the Loop does not run.
  Admin(net::Loop& loop, Shared& shared, proxy::Purger& purger, int fd);
  ~Admin();

  // Takes no more questions, but ends those that it has.
  void close_door() { frontend_.drain(); }

 private:
  front::Handler& begin() override;
  void on_refused(const front::Stream&, const front::Ending&) override {}

  const front::Settings settings_;
  front::Connections connections_;
  front::Stats stats_;
  store::MemoryStore store_;
  Lookout lookout_;
  AdminHouse house_;
  std::vector<std::unique_ptr<AdminExchange>> exchanges_;  // as many as there were at a time
  front::Frontend frontend_;
};

}  // namespace weir::app
