#include "net/connector.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace weir::net {
namespace {

constexpr Duration kStagger = std::chrono::milliseconds(250);  // RFC 8305 §5, §8

Error error_of(int sys) {
  if (sys == ECONNREFUSED) return {Errc::kConnectRefused, sys};
  if (sys == ETIMEDOUT) return {Errc::kConnectTimeout, sys};
  return {Errc::kConnectFailed, sys};
}

}  // namespace

// One socket that is connecting. Closes it, unless it was released to the owner.
struct Connector::Attempt {
  Attempt(Connector& connector, int socket, const Address& address)
      : of(connector), fd(socket), peer(address) {
    event_assign(event.get(), of.loop_.base(), fd, EV_WRITE, &Attempt::ready, this);
    WEIR_CHECK(event_add(event.get(), nullptr) == 0);
  }
  ~Attempt() {
    event_del(event.get());
    if (fd >= 0) close(fd);
  }
  Attempt(const Attempt&) = delete;
  static void ready(int, short, void* attempt) noexcept {
    Attempt& self = *static_cast<Attempt*>(attempt);
    self.of.on_attempt(self);
  }

  Connector& of;
  int fd;
  Address peer;
  EventSlot event;
};

Connector::Connector(Loop& loop, Resolver& resolver, const HostPort& name, Duration limit,
                     Owner& owner, std::optional<Address> local)
    : loop_(loop),
      owner_(owner),
      state_(State::kResolving),
      local_(local),
      limit_(loop, *this),
      stagger_(loop, *this),
      query_(resolver.resolve(name, *this)) {
  limit_.set(after(loop_.now(), limit));
}

Connector::Connector(Loop& loop, std::vector<Address> addresses, Duration limit, Owner& owner,
                     std::optional<Address> local)
    : loop_(loop),
      owner_(owner),
      state_(State::kConnecting),
      local_(local),
      addresses_(std::move(addresses)),
      limit_(loop, *this),
      stagger_(loop, *this) {
  WEIR_CHECK(!addresses_.empty());
  limit_.set(after(loop_.now(), limit));
  stagger_.set(loop_.now());
}

Connector::~Connector() = default;

void Connector::on_resolved(Result<std::vector<Address>> addresses) {
  WEIR_CHECK(state_ == State::kResolving);
  query_.reset();
  if (!addresses) return finish(std::unexpected(addresses.error()));
  state_ = State::kConnecting;
  addresses_ = std::move(*addresses);
  start_next();
}

void Connector::on_timer(Timer& timer) {
  if (&timer == &stagger_) return start_next();
  on_limit();
}

void Connector::on_limit() {
  WEIR_CHECK(state_ != State::kDone);
  const bool resolving = state_ == State::kResolving;
  finish(fail(resolving ? Errc::kResolveFailed : Errc::kConnectTimeout, ETIMEDOUT));
}

void Connector::start_next() {
  WEIR_CHECK(state_ == State::kConnecting);
  stagger_.clear();
  while (next_ < addresses_.size()) {
    if (const int error = start(addresses_[next_++]); error != 0) {
      error_ = error;
      continue;
    }
    if (next_ < addresses_.size()) stagger_.set(after(loop_.now(), kStagger));
    return;
  }
  if (attempts_.empty()) finish(std::unexpected(error_of(error_)));
}

// 0: under way (or connected already, which its event tells as well); or errno.
int Connector::start(const Address& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  if (const int error = open(address, fd); error != 0) {
    close(fd);
    return error;
  }
  attempts_.push_back(std::make_unique<Attempt>(*this, fd, address));
  return 0;
}

int Connector::open(const Address& address, int fd) const {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (local_) {
    if (local_->family() != address.family()) return EAFNOSUPPORT;
    // The port is picked by connect(), for the pair of addresses: 28,000 for each peer, not for
    // all.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, local_->raw(), local_->length) != 0) return errno;
  }
  return connect(fd, address.raw(), address.length) == 0 || errno == EINPROGRESS ? 0 : errno;
}

void Connector::on_attempt(Attempt& attempt) {
  WEIR_CHECK(state_ == State::kConnecting);
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) return finish(Connected{std::exchange(attempt.fd, -1), attempt.peer});
  error_ = error;
  std::erase_if(attempts_, [&](const auto& a) { return a.get() == &attempt; });
  start_next();
}

void Connector::finish(Result<Connected> result) {
  WEIR_CHECK(state_ != State::kDone);
  state_ = State::kDone;
  query_.reset();
  attempts_.clear();
  limit_.clear();
  stagger_.clear();
  owner_.on_connected(std::move(result));
}

}  // namespace weir::net
