#pragma once
// Worker: a thread and its Loop. Sessions, exchanges and the fetches they start live and die on it.
//
//   Made --start()--> Serving --drain()--> Draining --last connection or deadline--> Ended --join()
//                      |   ^
//                      \---/ change(): another Setup

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/access_log.h"
#include "app/admin.h"
#include "app/origin_watch.h"
#include "app/sample_log.h"
#include "app/shared.h"
#include "app/sockets.h"
#include "base/mutex.h"
#include "front/frontend.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "proxy/exchange.h"
#include "proxy/house.h"

namespace weir::app {

// What a worker is to serve by from now on.
struct WorkerChange {
  std::shared_ptr<const Setup> setup;
  std::vector<WorkerSocket> sockets;  // of the [[listen]]s that are new
};

class Worker final : public proxy::AccessSink, public net::Timer::Owner, public Task {
 public:
  // Takes over `sockets`, of all [[listen]]s.
  Worker(Shared& shared, std::uint32_t number, std::vector<WorkerSocket> sockets);
  ~Worker();

  // Takes over the listening socket of the admin address. Before start().
  void serve_admin(int fd);
  void start();
  // Any thread: what begins from soon on begins under this; what is under way ends as it began.
  void change(WorkerChange change) EXCLUDES_LOCK(mutex_);
  // Any thread: how many of them hold by now.
  std::uint64_t changes_taken() const { return changes_taken_.load(); }
  // Any thread: copies of its listening sockets, the caller's, by address as in the conf.
  std::vector<std::pair<std::string, int>> copy_sockets() EXCLUDES_LOCK(mutex_);
  // Any thread: no new work; ends when the last connection of all workers is done, or after
  // `patience`.
  void drain(Duration patience);
  // The same; and who asks the admin address is answered by another Weir from now on.
  void retire(Duration patience);
  void join();

  bool wanted() const override { return access_->on(); }
  void write(const proxy::AccessEntry& entry) override { access_->write(entry); }
  void on_timer(net::Timer& timer) override;
  void run() noexcept override;  // a change, or it is to drain

 private:
  // An origin of a Setup that something here still uses.
  struct MyOrigin {
    std::weak_ptr<const SharedOrigin> shared;
    std::weak_ptr<proxy::Origin> mine;
    origin::PoolStats told{};  // of its pool, to the counters
  };
  // A listener: one of frontend_->doors() each.
  struct MyListen {
    std::string conf_address;
    std::shared_ptr<std::vector<WorkerStats::Queue>> queues;
  };

  Ref<proxy::Routes> routes();
  std::shared_ptr<proxy::Origin> origin_of(const std::shared_ptr<SharedOrigin>& origin);
  void take_change(WorkerChange change);
  void change_listeners(const std::vector<WorkerSocket>& sockets);
  void show_sockets() EXCLUDES_LOCK(mutex_);
  void hide(std::size_t door) EXCLUDES_LOCK(mutex_);
  void watch_queues();
  void publish(TimePoint now);
  void log_status(TimePoint now);

  Shared& shared_;
  const std::uint32_t number_;
  WorkerStats& stats_;
  std::shared_ptr<const Setup> setup_;
  front::Settings front_;  // of setup_, where sessions find it
  net::Loop loop_;
  net::Resolver resolver_;
  std::optional<AccessWriter> access_;  // never empty
  SampleWriter samples_;
  proxy::Purger purger_;
  std::vector<MyOrigin> origins_;
  proxy::House house_;
  proxy::ExchangePool exchanges_;
  std::unique_ptr<front::Frontend> frontend_;
  std::vector<MyListen> listens_;
  std::unique_ptr<OriginWatch> origin_watch_;  // of the first worker alone
  std::unique_ptr<Admin> admin_;               // null: not here
  net::Timer each_second_;
  Mutex mutex_;  // leaf
  std::vector<WorkerChange> changes_ GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, int>> sockets_ GUARDED_BY(mutex_);  // as listens_, for others
  std::atomic<std::uint64_t> changes_taken_{0};
  std::atomic<bool> retiring_{false};
  std::atomic<Duration::rep> patience_{-1};  // of draining; negative: it is not asked for
  TimePoint deadline_ = TimePoint::max();    // likewise
  std::uint32_t fullest_queue_ = 0;          // connections seen waiting to be accepted
  TimePoint next_status_{};
  std::thread thread_;
};

}  // namespace weir::app
