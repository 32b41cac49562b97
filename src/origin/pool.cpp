#include "origin/pool.h"

#include <array>

namespace weir::origin {

// One idle connection. Whatever happens on it ends it: nothing may come unasked.
class Pool::Idle final : public ListNode, public net::Conn::Owner, public net::Timer::Owner {
 public:
  Idle(Pool& pool, Connection c)
      : connection(std::move(c)), pool_(pool), timer_(pool.loop_, *this) {
    connection.conn->set_owner(*this);
    timer_.set(until());
  }

  void on_ready(net::Conn& conn, net::Ready what) override {
    if (!what.readable && !what.closed) return;
    std::array<std::byte, 1> byte;
    if (conn.read(byte).state != net::IoState::kAgain) pool_.drop(*this);
  }
  void on_timer(net::Timer&) override { pool_.drop(*this); }

  Connection connection;
  const TimePoint since = connection.conn->loop().now();

 private:
  TimePoint until() const { return after(since, pool_.settings().idle_timeout); }

  Pool& pool_;
  net::Timer timer_;
};

// Bytes that are there already would be taken for the next response.
bool Pool::quiet(net::Conn& conn) {
  std::array<std::byte, 1> surplus;
  return conn.read(surplus).state == net::IoState::kAgain;
}

Pool::Pool(net::Loop& loop, net::Resolver& resolver, Servers& servers)
    : loop_(loop),
      resolver_(resolver),
      servers_(servers),
      idle_(servers.settings.servers.size()),
      random_(std::random_device{}()) {
  keeper_.owner = this;
  servers_.limit.add(keeper_);
}

Pool::~Pool() {
  servers_.limit.remove(keeper_);
  loop_.cancel(*this);
  for (const List<Idle>& list : idle_) {
    while (Idle* idle = list.front()) delete idle;
  }
}

std::optional<Connection> Pool::take(std::size_t server, net::Conn::Owner& owner) {
  while (Idle* idle = idle_[server].front()) {
    Connection connection = std::move(idle->connection);
    delete idle;
    --idle_count_;
    if (!quiet(*connection.conn)) continue;
    ++stats_.reused;
    connection.conn->set_owner(owner);
    return connection;
  }
  return {};
}

std::unique_ptr<Dial> Pool::connect(std::size_t server, std::string_view introduction,
                                    Dial::Owner& owner) {
  ++stats_.connected;
  return std::make_unique<Dial>(loop_, resolver_, servers_, server, introduction,
                                settings().connect_timeout, owner);
}

void Pool::give(Connection connection) {
  const net::Conn& conn = *connection.conn;
  const std::uint64_t most = settings().keepalive_requests;
  if (!conn.open() || conn.peer_closed() || settings().idle_connections == 0) return;
  if (settings().proxy_protocol) return;  // the next request may be of another client
  if (most != 0 && connection.requests >= most) return;
  if (!quiet(*connection.conn) || servers_.limit.wanted(connection.server())) return;
  if (idle_count_ >= settings().idle_connections) drop(*oldest());
  List<Idle>& list = idle_[connection.server()];
  list.push_front(*new Idle(*this, std::move(connection)));
  ++idle_count_;
}

void Pool::run() noexcept {
  for (std::size_t server = 0; server < idle_.size(); ++server) {
    while (!idle_[server].empty() && servers_.limit.wanted(server)) drop(*idle_[server].back());
  }
}

void Pool::drop(Idle& idle) {
  ++stats_.idle_closed;
  --idle_count_;
  delete &idle;
}

Pool::Idle* Pool::oldest() const {
  Idle* oldest = nullptr;
  for (const List<Idle>& list : idle_) {
    Idle* idle = list.back();
    if (idle && (!oldest || idle->since < oldest->since)) oldest = idle;
  }
  return oldest;
}

}  // namespace weir::origin
