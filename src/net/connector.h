#pragma once
// Connector: resolves a name and connects, trying the addresses as RFC 8305 says (the next one
// starts 250 ms after the last, or at once when that failed; the first to connect wins).
//
//   Resolving --> Connecting (1..n attempts) --> Done(fd)
//        \-------------\-----------------------> Failed(error)
//
// Loop's thread only.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "net/resolver.h"

namespace weir::net {

struct Connected {
  int fd = -1;  // non-blocking, TCP_NODELAY; the receiver closes it
  Address peer;
};

class Connector final : private Resolver::Owner, private Timer::Owner {
 public:
  class Owner {
   public:
    // Once, never inside the constructor. kResolveFailed, kConnectRefused, kConnectFailed,
    // kConnectTimeout: the error of the attempt that failed last. May destroy the Connector.
    virtual void on_connected(Result<Connected> result) = 0;

   protected:
    ~Owner() = default;
  };
  // `limit` is for all of it. `local`: the address to connect from, port 0; an address of another
  // family is passed over (kConnectFailed, EAFNOSUPPORT). None: the kernel's choice. Destroying it
  // gives up silently.
  Connector(Loop& loop, Resolver& resolver, const HostPort& name, Duration limit, Owner& owner,
            std::optional<Address> local = {});
  // Addresses known already, tried in this order; at least one.
  Connector(Loop& loop, std::vector<Address> addresses, Duration limit, Owner& owner,
            std::optional<Address> local = {});
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  enum class State : std::uint8_t { kResolving, kConnecting, kDone };
  struct Attempt;
  void on_resolved(Result<std::vector<Address>> addresses) override;
  void on_timer(Timer& timer) override;
  void on_limit();
  void on_attempt(Attempt& attempt);
  void start_next();
  int start(const Address& address);
  int open(const Address& address, int fd) const;
  void finish(Result<Connected> result);

  Loop& loop_;
  Owner& owner_;
  State state_;
  std::optional<Address> local_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;                            // of addresses_, not tried yet
  int error_ = 0;                                   // errno of the attempt that failed last
  std::vector<std::unique_ptr<Attempt>> attempts_;  // under way
  Timer limit_;
  Timer stagger_;
  std::unique_ptr<Resolver::Query> query_;
};

}  // namespace weir::net
