#pragma once
// Listening sockets: one for each [[listen]] and worker, told apart by SO_REUSEPORT, or shared by
// the workers where who started Weir had it open already; and one for the admin address. Before the
// workers, in the main thread.

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/admin_socket.h"
#include "app/config.h"
#include "net/address.h"
#include "net/conn.h"

namespace weir::app {

// The sockets of a [[listen]]: one or more for each worker, the first for the first worker and so
// on, all around; with the real port.
struct OpenedListen {
  std::string address;
  std::vector<int> sockets;  // the caller's
};
// Those that a Weir before this one has open: it takes over their queues, too.
struct InheritedSockets {
  std::map<std::string, std::vector<int>> listens;  // by address, as in the conf
  std::string admin_address;                        // likewise
  int admin = -1;
};
// A listening socket of a worker.
struct WorkerSocket {
  std::size_t listen;  // its number in the conf
  int fd;
};
// Nobody listens there yet. The error is for people.
std::expected<OpenedListen, std::string> open_listen(const Listen& listen,
                                                     const net::ClientSocketOptions& options,
                                                     std::uint32_t workers);

class Sockets {
 public:
  // Takes over listening sockets that were handed to this process, by who started it or by the
  // Weir before it.
  Sockets(std::vector<int> handed, InheritedSockets inherited)
      : handed_(std::move(handed)), inherited_(std::move(inherited)) {}
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  // Empty, or what went wrong: also that one was handed over for an address that no [[listen]] has.
  // Connections inherit `options`; of a socket that was handed over those that come from now on.
  std::string open(const Config& config, const net::ClientSocketOptions& options,
                   std::uint32_t workers);
  // The same of the admin address; nothing for "off".
  std::string open_admin(const Server& server);

  // From then on the caller's.
  std::vector<WorkerSocket> take(std::uint32_t worker) {
    return std::exchange(of_worker_[worker], {});
  }
  int take_admin() { return admin_.take(); }  // -1: there is none; its file stays ours
  // One that was inherited stays the other Weir's until then.
  void own_admin_file(const Server& server) { admin_.own_file(server); }
  void leave_admin_file() { admin_.leave_file(); }  // another Weir has it now

  // Of the [[listen]]s, with their real ports.
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  std::expected<OpenedListen, std::string> open_one(const Listen& listen,
                                                    const net::ClientSocketOptions& options,
                                                    std::uint32_t workers);
  void close_inherited();
  void keep(OpenedListen opened);
  int take_handed(const net::Address& address);

  std::vector<int> handed_;
  InheritedSockets inherited_;
  std::vector<std::vector<WorkerSocket>> of_worker_;
  std::vector<std::string> addresses_;
  AdminSocket admin_;
};

}  // namespace weir::app
