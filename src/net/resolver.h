#pragma once
// Resolver: names to addresses through evdns (A and AAAA in parallel, /etc/hosts first), with a
// cache that looks again after `ttl`. Literals are answered at once. A look-up that fails is
// answered from the last good answer, if there ever was one, and tried again after a second; the
// log tells. Queries for a name that is being looked up share the look-up. Never blocks, but for
// reading two small files in the constructor. Loop's thread only.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/loop.h"

struct evdns_base;

namespace weir::net {

class Resolver {
 public:
  explicit Resolver(Loop& loop, Duration ttl = std::chrono::seconds(30),
                    const std::string& resolv_conf = "/etc/resolv.conf");
  ~Resolver();  // queries still pending are never answered
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // A pending look-up; destroying it cancels the callback. May outlive the Resolver, not the Loop.
  class Query {
   public:
    virtual ~Query() = default;
  };
  class Owner {
   public:
    // IPv6 and IPv4 in turn (RFC 8305 §4), never empty on success; or kResolveFailed. Never called
    // inside resolve(). May destroy the Query as its last act.
    virtual void on_resolved(Result<std::vector<Address>> addresses) = 0;

   protected:
    ~Owner() = default;
  };
  [[nodiscard]] std::unique_ptr<Query> resolve(const HostPort& name, Owner& owner);

 private:
  class Ask;
  struct Lookup;
  struct Name;
  static void looked_up(int result, void* list, void* lookup) noexcept;
  Name& name_of(const std::string& host);
  void drop_old_names();
  void look_up(Name& name);
  void finish(Name& name, int result, std::vector<Address> addresses);

  Loop& loop_;
  const Duration ttl_;
  ::evdns_base* dns_;  // freed by the Loop at its end
  std::unordered_map<std::string, std::unique_ptr<Name>> names_;
};

}  // namespace weir::net
