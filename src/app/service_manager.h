#pragma once
// ServiceManager: who started Weir and wants to hear of it, as systemd does: sd_notify(3) over
// NOTIFY_SOCKET, listening sockets by LISTEN_FDS (sd_listen_fds(3)). Without one everything here
// does nothing. The main thread's.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir::app {

class ServiceManager {
 public:
  // Reads what the environment says to this process, and removes it: it is not for others.
  static ServiceManager from_environment();

  // Descriptors of sockets that were handed over; from now on the caller's.
  std::vector<int> take_sockets() { return std::exchange(sockets_, {}); }

  // Somebody wants to hear of this process.
  bool is_there() const { return !path_.empty(); }

  void ready() const;
  void reloading(TimePoint now) const;  // then ready()
  void stopping() const;                // from now on it is no longer fed

  // How often feed() is to be called; kForever: nobody waits for it.
  Duration feed_every() const;
  // Once more all is well, if each of `turns` has moved since the last time this was said: those of
  // workers, whatever they count. Else nothing is said, and the manager ends a Weir that hangs.
  void feed(const std::vector<std::uint64_t>& turns);

 private:
  void say(std::string_view state) const;

  std::string path_;      // of its socket; empty: there is none
  Duration watchdog_{0};  // 0: off
  std::vector<int> sockets_;
  std::vector<std::uint64_t> fed_;  // the turns when it was last fed
};

}  // namespace weir::app
