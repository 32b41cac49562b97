#include "origin/capacity_watch.h"

#include <vector>

#include "net/loopback.h"

namespace weir::origin {
namespace {

using namespace std::chrono_literals;

struct Listener final : CapacityWatch::Owner {
  void on_capacity(const CapacityWatch&, std::uint32_t connections) override {
    told.push_back(connections);
  }
  std::vector<std::uint32_t> told;
};

}  // namespace

TEST_CASE("capacity is told at first, when a server goes, and when its trial comes due") {
  net::Loop loop;
  Settings s;
  for (const char* name : {"10.0.0.1:80", "10.0.0.2:80"})
    s.servers.push_back({*net::split_host_port(name), name});
  s.server_max_connections = 4;
  s.eject = {.failures = 1, .backoff_min = 20ms, .backoff_max = 20ms};
  Balancer balancer(s);
  Listener listener;
  CapacityWatch watch(loop, balancer, listener);
  CHECK(listener.told.empty());
  const auto told = [&](std::vector<std::uint32_t> all) {
    return test::run_until(loop, [&] { return listener.told.size() >= all.size(); }) &&
           listener.told == all;
  };
  CHECK(told({8}));
  const auto pick = balancer.pick(loop.now(), 0, {});
  balancer.done(*pick, Verdict::kFailed, loop.now(), 0);
  CHECK(told({8, 4}));
  CHECK(told({8, 4, 5}));  // the trial, by the clock alone
  balancer.set_healthy(1 - pick->server, false);
  CHECK(told({8, 4, 5, 1}));
}

}  // namespace weir::origin
