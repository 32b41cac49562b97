#include "app/admin.h"

#include <algorithm>

namespace weir::app {
namespace {

constexpr std::uint64_t kMemory = 16 << 20;
constexpr std::uint64_t kConnections = 64;

front::Settings admin_settings() {
  front::Settings s;
  s.max_connections = kConnections;
  return s;
}

}  // namespace

Admin::Admin(net::Loop& loop, Shared& shared, proxy::Purger& purger, int fd)
    : settings_(admin_settings()),
      connections_(0),
      store_({.limit = kMemory, .spare = kMemory / 4}, [](const Digest&) {}),
      lookout_(loop, shared.posts),
      house_{loop, shared, purger, lookout_, store_},
      frontend_(loop, settings_, *this, store_, connections_, stats_, nullptr) {
  frontend_.listen(fd, std::make_shared<front::ListenSettings>());
}

Admin::~Admin() = default;

front::Handler& Admin::begin() {
  const auto free = std::ranges::find_if(exchanges_, [](const auto& e) { return e->idle(); });
  if (free != exchanges_.end()) return **free;
  return *exchanges_.emplace_back(std::make_unique<AdminExchange>(house_));
}

}  // namespace weir::app
