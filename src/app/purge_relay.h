#pragma once
// PurgeRelay: one end of what two Weirs tell each other about purges while both run, over the
// channel of an upgrade (app/handover.h). One thread at a time, no Loop's.

#include <cstdint>
#include <string>
#include <vector>

#include "app/shared.h"
#include "net/fd_channel.h"
#include "net/wake_up.h"
#include "proxy/purge_gate.h"

namespace weir::app {

class PurgeRelay {
 public:
  using Peer = proxy::PurgeGate::Peer;

  // `peer`: who is at the other end. All outlive it.
  PurgeRelay(Shared& shared, net::FdChannel& channel, Peer peer)
      : shared_(shared), channel_(channel), peer_(peer) {}

  // Orders, one by one. False: the other end does not take them.
  bool tell(const std::vector<cache::PurgeOrder>& orders);
  // What the other end has told, carried out and answered.
  void take(const std::string& message);

  // Both, until the other end has ended (true) or `stop` is woken (false).
  bool run(const net::WakeUp& stop);

 private:
  bool tell_one(cache::PurgeMode mode, const char* key, const std::vector<std::string>& words);
  bool read();
  void tell_news();
  void look(TimePoint now);
  void give_up(const char* why);
  void purge(cache::PurgeOrder order);
  bool begin(cache::Purge& purge);
  void await_log();
  void say(const char* word);

  Shared& shared_;
  net::FdChannel& channel_;
  const Peer peer_;
  std::uint64_t told_ = 0;
  std::uint64_t heard_ = 0;
  TimePoint
      sign_at_{};  // when the other end last said something, or was told what it has not heard
};

}  // namespace weir::app
