#pragma once
// Worker: a thread and its Loop. Sessions, exchanges and the fetches they start live and die on it.
//
//   Made --start()--> Serving --drain()--> Draining --last connection or deadline--> Ended --join()

#include <memory>
#include <thread>
#include <vector>

#include "app/access_log.h"
#include "app/admin.h"
#include "app/sample_log.h"
#include "app/shared.h"
#include "front/frontend.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "origin/capacity_watch.h"
#include "origin/health_checker.h"
#include "proxy/exchange.h"
#include "proxy/house.h"

namespace weir::app {

class Worker final : public proxy::AccessSink,
                     public net::Timer::Owner,
                     public origin::CapacityWatch::Owner,
                     public Task {
 public:
  // Takes over `listeners`: listening sockets, one for each [[listen]].
  Worker(Shared& shared, std::uint32_t number, std::vector<int> listeners);
  ~Worker();

  // Takes over the listening socket of the admin address. Before start().
  void serve_admin(int fd);
  void start();
  // Any thread: no new work; ends when the last connection of all workers is done, or after
  // `patience`.
  void drain(Duration patience);
  void join();

  bool wanted() const override { return shared_.access_log != nullptr; }
  void write(const proxy::AccessEntry& entry) override { access_.write(entry); }
  void on_timer(net::Timer& timer) override;
  void on_capacity(const origin::CapacityWatch& watch, std::uint32_t connections) override;
  void run() noexcept override;  // begins to drain

 private:
  std::vector<proxy::Origin> origins();
  void watch_origins();
  void watch_queues();
  void publish(TimePoint now);
  void log_status(TimePoint now);

  Shared& shared_;
  WorkerStats& stats_;
  net::Loop loop_;
  net::Resolver resolver_;
  AccessWriter access_;
  SampleWriter samples_;
  proxy::Purger purger_;
  proxy::House house_;
  proxy::ExchangePool exchanges_;
  std::unique_ptr<front::Frontend> frontend_;
  // Of the first worker alone, one for each origin; health checks where there are any.
  std::vector<std::unique_ptr<origin::CapacityWatch>> capacities_;
  std::vector<std::unique_ptr<origin::HealthChecker>> health_;
  std::unique_ptr<Admin> admin_;  // null: not here
  net::Timer each_second_;
  std::atomic<Duration::rep> patience_{0};
  TimePoint deadline_ = TimePoint::max();  // of draining
  std::uint32_t fullest_queue_ = 0;        // connections seen waiting to be accepted
  TimePoint next_status_{};
  std::thread thread_;
};

}  // namespace weir::app
