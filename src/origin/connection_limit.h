#pragma once
// ConnectionLimit: how many connections all workers together have to an origin and to each of its
// servers, idle ones included: never more than the limits. Any thread; a leaf lock but for
// Waiter::wake.
//
// Who finds no place stands in line and is given the first one that comes free and serves it. When
// a place is held by an idle connection, perhaps of another worker, its keeper is asked to let go.

#include <cstdint>
#include <vector>

#include "base/list.h"
#include "base/mutex.h"
#include "body/waiter.h"

namespace weir::origin {

class ConnectionLimit {
 public:
  // One connection, counted until this dies. The socket must be closed before.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place() { free(); }
    explicit operator bool() const { return limit_ != nullptr; }
    std::size_t server() const { return server_; }
    void free();

   private:
    friend class ConnectionLimit;
    Place(ConnectionLimit& limit, std::size_t server) : limit_(&limit), server_(server) {}
    ConnectionLimit* limit_ = nullptr;
    std::size_t server_ = 0;
  };

  // Who wants a place. Its owner calls leave() before it dies.
  struct Opener : ListNode {
    body::Waiter* owner = nullptr;  // woken when take() will give
    std::size_t server = 0;
    bool granted = false;  // counted already
  };
  // Who keeps idle connections: `owner` is woken when wanted() may hold for one of them.
  struct Keeper : ListNode {
    body::Waiter* owner = nullptr;
  };

  // 0: no limit.
  ConnectionLimit(std::size_t servers, std::uint32_t per_server, std::uint32_t all);

  // A place, or an empty one: then `opener` stands in line, and take() is called again when it is
  // woken, for the same server.
  Place take(Opener& opener, std::size_t server) EXCLUDES_LOCK(mutex_);
  // Out of the line, or a place that was granted and not taken. Nothing if it is in none.
  void leave(Opener& opener) EXCLUDES_LOCK(mutex_);

  void add(Keeper& keeper) EXCLUDES_LOCK(mutex_);
  void remove(Keeper& keeper) EXCLUDES_LOCK(mutex_);
  // Somebody waits whom a connection to `server` less would help.
  bool wanted(std::size_t server) const EXCLUDES_LOCK(mutex_);

  std::uint32_t open(std::size_t server) const EXCLUDES_LOCK(mutex_);
  std::uint32_t open() const EXCLUDES_LOCK(mutex_);

 private:
  void free(std::size_t server) EXCLUDES_LOCK(mutex_);
  bool room(std::size_t server) const REQUIRES_LOCK(mutex_);
  bool server_full(std::size_t server) const REQUIRES_LOCK(mutex_);
  void count(std::size_t server) REQUIRES_LOCK(mutex_);
  void uncount(std::size_t server) REQUIRES_LOCK(mutex_);

  const std::uint32_t per_server_;
  const std::uint32_t all_;
  mutable Mutex mutex_;
  std::vector<std::uint32_t> open_ GUARDED_BY(mutex_);  // by server
  std::uint32_t total_ GUARDED_BY(mutex_) = 0;
  List<Opener> line_ GUARDED_BY(mutex_);  // none of them has room now
  List<Keeper> keepers_ GUARDED_BY(mutex_);
};

}  // namespace weir::origin
