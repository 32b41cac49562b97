#include "origin/connection_limit.h"

#include <utility>

namespace weir::origin {

ConnectionLimit::Place::Place(Place&& other) noexcept
    : limit_(std::exchange(other.limit_, nullptr)), server_(other.server_) {}

ConnectionLimit::Place& ConnectionLimit::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  free();
  limit_ = std::exchange(other.limit_, nullptr);
  server_ = other.server_;
  return *this;
}

void ConnectionLimit::Place::free() {
  if (limit_) std::exchange(limit_, nullptr)->free(server_);
}

ConnectionLimit::ConnectionLimit(std::size_t servers, std::uint32_t per_server, std::uint32_t all)
    : per_server_(per_server), all_(all), open_(servers) {}

ConnectionLimit::Place ConnectionLimit::take(Opener& opener, std::size_t server) {
  Lock lock(mutex_);
  if (std::exchange(opener.granted, false)) return {*this, server};
  if (opener.linked()) return {};
  if (room(server)) {
    count(server);
    return {*this, server};
  }
  opener.server = server;
  line_.push_back(opener);
  for (Keeper* k = keepers_.front(); k; k = keepers_.next(*k)) k->owner->wake();
  return {};
}

void ConnectionLimit::leave(Opener& opener) {
  Lock lock(mutex_);
  opener.unlink();
  if (std::exchange(opener.granted, false)) uncount(opener.server);
}

void ConnectionLimit::free(std::size_t server) {
  Lock lock(mutex_);
  uncount(server);
}

void ConnectionLimit::add(Keeper& keeper) {
  Lock lock(mutex_);
  keepers_.push_back(keeper);
}

void ConnectionLimit::remove(Keeper& keeper) {
  Lock lock(mutex_);
  keeper.unlink();
}

bool ConnectionLimit::wanted(std::size_t server) const {
  Lock lock(mutex_);
  for (const Opener* o = line_.front(); o; o = line_.next(*o)) {
    if (o->server == server || !server_full(o->server)) return true;
  }
  return false;
}

std::uint32_t ConnectionLimit::open(std::size_t server) const {
  Lock lock(mutex_);
  return open_[server];
}

std::uint32_t ConnectionLimit::open() const {
  Lock lock(mutex_);
  return total_;
}

bool ConnectionLimit::server_full(std::size_t server) const {
  return per_server_ != 0 && open_[server] >= per_server_;
}

bool ConnectionLimit::room(std::size_t server) const {
  return !server_full(server) && (all_ == 0 || total_ < all_);
}

void ConnectionLimit::count(std::size_t server) {
  ++open_[server];
  ++total_;
}

// One connection less: the first in line whom it helps has it.
void ConnectionLimit::uncount(std::size_t server) {
  --open_[server];
  --total_;
  for (Opener* o = line_.front(); o; o = line_.next(*o)) {
    if (!room(o->server)) continue;
    o->unlink();
    o->granted = true;
    count(o->server);
    return o->owner->wake();
  }
}

}  // namespace weir::origin
