#pragma once
// Listening sockets: one for each [[listen]] and worker, told apart by SO_REUSEPORT, or shared by
// the workers where who started Weir had it open already; and one for the admin address. Before the
// workers, in the main thread.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "app/admin_socket.h"
#include "app/config.h"
#include "net/address.h"
#include "net/conn.h"

namespace weir::app {

class Sockets {
 public:
  // Takes over listening sockets that were handed to this process.
  explicit Sockets(std::vector<int> handed) : handed_(std::move(handed)) {}
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
  std::vector<int> take(std::uint32_t worker) { return std::exchange(of_worker_[worker], {}); }
  int take_admin() { return admin_.take(); }  // -1: there is none; its file stays ours

  // Of the [[listen]]s, with their real ports.
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  std::string open_one(const Listen& listen, net::Address& address,
                       const net::ClientSocketOptions& options, std::uint32_t workers);
  std::string share(int fd, const Listen& listen, std::uint32_t workers);
  int take_handed(const net::Address& address);

  std::vector<int> handed_;
  std::vector<std::vector<int>> of_worker_;
  std::vector<std::string> addresses_;
  AdminSocket admin_;
};

}  // namespace weir::app
