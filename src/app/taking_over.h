#pragma once
// TakingOver: the new Weir's side of an upgrade, see app/handover.h. The main thread's, before the
// workers, but for the thread that waits for the end of the old one.

#include <expected>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/shared.h"
#include "app/sockets.h"
#include "net/fd_channel.h"
#include "net/wake_up.h"

namespace weir::app {

class TakingOver {
 public:
  // Nothing: nobody is there to take over from. `managed`: a service manager has started us. The
  // error is for people.
  static std::expected<std::unique_ptr<TakingOver>, std::string> begin(const Config& config,
                                                                       bool managed);
  ~TakingOver();
  TakingOver(const TakingOver&) = delete;

  InheritedSockets take_sockets() { return std::exchange(sockets_, {}); }
  int take_listener() { return std::exchange(listener_, -1); }  // of server.handover
  // `take`: from now on what this process says goes where the old one's went.
  void end_streams(bool take);
  // The old one freezes its cache and lets go of its disks. What it does not give is logged.
  void ask_for_memory();
  // Once the disks are open, and before there are workers.
  void read_memory(Shared& shared);
  // All is ready: the old one drains from now on, and when it has ended its memory is ours. Empty,
  // or why this Weir must not begin.
  std::string take_the_word(Shared& shared);

 private:
  explicit TakingOver(net::FdChannel channel) : channel_(std::move(channel)) {}
  std::string ask_for_sockets(bool managed);
  std::string check_user(const Config& config) const;
  std::string keep(net::FdChannel::Message message, bool& end);
  bool keep_one(const std::string& text, int fd);
  void close_files();
  void wait_for_end(Shared& shared);

  net::FdChannel channel_;
  InheritedSockets sockets_;
  std::vector<int> slabs_;
  int listener_ = -1;
  int streams_[2] = {-1, -1};  // stdout and stderr
  int snapshot_ = -1;
  net::WakeUp stop_;  // ends the thread
  std::thread thread_;
};

}  // namespace weir::app
