#include "origin/pool.h"

#include <array>

namespace weir::origin {

// One idle connection. Whatever happens on it ends it: nothing may come unasked.
class Pool::Idle final : public ListNode, public net::Conn::Owner, public net::Timer::Owner {
 public:
  Idle(Pool& pool, std::unique_ptr<net::Conn> c)
      : conn(std::move(c)), pool_(pool), timer_(pool.loop_, *this) {
    conn->set_owner(*this);
    timer_.set(after(pool.loop_.now(), pool.settings_.idle_timeout));
  }

  void on_ready(net::Conn&, net::Ready what) override {
    if (!what.readable && !what.closed) return;
    std::array<std::byte, 1> byte;
    if (conn->read(byte).state != net::IoState::kAgain) drop();
  }
  void on_timer(net::Timer&) override { drop(); }

  std::unique_ptr<net::Conn> conn;

 private:
  void drop() {
    ++pool_.stats_.idle_closed;
    --pool_.idle_count_;
    delete this;
  }

  Pool& pool_;
  net::Timer timer_;
};

// Bytes that are there already would be taken for the next response.
bool Pool::quiet(net::Conn& conn) {
  std::array<std::byte, 1> surplus;
  return conn.read(surplus).state == net::IoState::kAgain;
}

Pool::Pool(net::Loop& loop, net::Resolver& resolver, const Settings& settings)
    : loop_(loop), resolver_(resolver), settings_(settings) {}

Pool::~Pool() {
  while (Idle* idle = idle_.front()) delete idle;
}

std::unique_ptr<net::Conn> Pool::take(net::Conn::Owner& owner) {
  while (Idle* idle = idle_.front()) {
    auto conn = std::move(idle->conn);
    delete idle;
    --idle_count_;
    if (!quiet(*conn)) continue;
    ++stats_.reused;
    conn->set_owner(owner);
    return conn;
  }
  return nullptr;
}

std::unique_ptr<net::Connector> Pool::connect(net::Connector::Owner& owner) {
  const net::HostPort& server = settings_.servers[next_server_];
  next_server_ = (next_server_ + 1) % settings_.servers.size();
  ++stats_.connected;
  return std::make_unique<net::Connector>(loop_, resolver_, server, settings_.connect_timeout,
                                          owner);
}

void Pool::give(std::unique_ptr<net::Conn> conn) {
  if (!conn->open() || conn->peer_closed() || settings_.idle_connections == 0) return;
  if (!quiet(*conn)) return;
  if (idle_count_ >= settings_.idle_connections) {
    delete idle_.back();
    --idle_count_;
  }
  idle_.push_front(*new Idle(*this, std::move(conn)));
  ++idle_count_;
}

}  // namespace weir::origin
