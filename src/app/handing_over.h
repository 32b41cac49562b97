#pragma once
// HandingOver: the old Weir's side of an upgrade, see app/handover.h. A thread of its own waits at
// server.handover for the new one and gives it what it asks for, while the workers serve on. Once
// the new one serves it tells the main thread (handed_over(), and SIGUSR2), which drains.
//
//   Listening --a new Weir--> Giving --"ready"--> Over
//       ^                       |
//       \------its end----------/

#include <pthread.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/shared.h"
#include "app/worker.h"
#include "net/fd_channel.h"
#include "net/unix_socket.h"
#include "net/wake_up.h"

namespace weir::app {

class HandingOver {
 public:
  HandingOver() = default;  // by the main thread
  ~HandingOver();
  HandingOver(const HandingOver&) = delete;

  // Before privileges are dropped. Empty, or what went wrong. `inherited`: the listening socket of
  // the Weir that is about to end, taken over with its file; -1: there is none.
  std::string open(const Config& config, int inherited);
  // The old one has let go: the file of the inherited socket goes with us.
  void own_file(const Config& config);
  // Begins to listen, where the conf names a place. Both outlive the thread: see stop(). `managed`:
  // a service manager watches us, and must watch who takes over.
  void start(Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers, bool managed);
  // Gives nothing any more; what has been given is the other's. Before the workers go.
  void stop();

  bool handed_over() const { return over_.load(); }
  bool pid_file_given() const { return pid_file_given_.load(); }  // the new one writes the same

 private:
  void run();
  bool wait_for(int fd, Duration patience) const;
  void serve(net::FdChannel& channel);
  void give_up();
  bool answer(net::FdChannel& channel, const std::string& question);
  bool give_sockets(net::FdChannel& channel, const std::string& question);
  bool give_listeners(net::FdChannel& channel);
  bool give_one(net::FdChannel& channel, const char* name, const std::string& address, int fd);
  std::string freeze();
  bool give_memory(net::FdChannel& channel);
  bool give_disks(net::FdChannel& channel);
  bool let_go(net::FdChannel& channel);

  net::UnixListener file_;
  int listener_ = -1;
  net::WakeUp stop_;  // ends the thread
  Shared* shared_ = nullptr;
  const std::vector<std::unique_ptr<Worker>>* workers_ = nullptr;
  std::unique_ptr<net::FdChannel> successor_;  // open until we end: so it knows when
  bool managed_ = false;
  bool disks_given_ = false;
  const pthread_t main_ = ::pthread_self();
  std::atomic<bool> pid_file_given_{false};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace weir::app
