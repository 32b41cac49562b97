#include "net/listener.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/log.h"

namespace weir::net {
namespace {

constexpr int kAcceptMost = 64;  // in one event, then the connections get their turn
constexpr Duration kRest = std::chrono::milliseconds(100);
constexpr Duration kSayEvery = std::chrono::minutes(1);

bool set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// 0 or errno.
int bind_and_listen(int fd, const Address& address, int backlog,
                    const ClientSocketOptions& options) {
  set_client_options(fd, options);
  const bool ready = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
                     set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&  // accepted sockets inherit it
                     (address.family() != AF_INET6 ||
                      set(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.dual_stack ? 0 : 1)) &&
                     bind(fd, address.raw(), address.length) == 0 && listen(fd, backlog) == 0;
  return ready ? 0 : errno;
}

Result<int> open_one(const Address& address, int backlog, const ClientSocketOptions& options) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Errc::kSystem, errno);
  const int error = bind_and_listen(fd, address, backlog, options);
  if (error == 0) return fd;
  close(fd);
  return fail(Errc::kSystem, error);
}

}  // namespace

Result<int> Listener::open_socket(const Address& address, int backlog,
                                  const ClientSocketOptions& options) {
  const Result<int> fd = open_one(address, backlog, options);
  if (fd || !address.dual_stack) return fd;
  if (fd.error().sys != EAFNOSUPPORT && fd.error().sys != EADDRNOTAVAIL) return fd;
  return open_one(*parse_address("0.0.0.0", address.port()), backlog, options);
}

Result<void> Listener::probe(const Address& address) {
  if (address.port() == 0) return {};
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Errc::kSystem, errno);
  const bool free = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
                    (address.family() != AF_INET6 ||
                     set(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.dual_stack ? 0 : 1)) &&
                    bind(fd, address.raw(), address.length) == 0;
  const int error = free ? 0 : errno;
  close(fd);
  if (error == EADDRINUSE) return fail(Errc::kSystem, error);
  return {};  // whatever else is wrong, open_socket will say
}

Result<Address> Listener::adopt(int fd, int backlog) {
  int listens = 0;
  int type = 0;
  socklen_t length = sizeof listens;
  const bool asked = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 &&
                     getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
  if (!asked) return fail(Errc::kSystem, errno);
  const Address address = local_address(fd);
  const bool ip = address.family() == AF_INET || address.family() == AF_INET6;
  if (listens == 0 || type != SOCK_STREAM || !ip) return fail(Errc::kSystem, EINVAL);
  const int flags = fcntl(fd, F_GETFL);
  const bool ready = flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
                     fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
                     listen(fd, backlog) == 0;
  if (!ready) return fail(Errc::kSystem, errno);
  return address;
}

Result<int> Listener::share(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return fail(Errc::kSystem, errno);
  return copy;
}

Listener::Listener(Loop& loop, int fd, Owner& owner)
    : loop_(loop), owner_(owner), fd_(fd), timer_(loop, *this) {
  event_assign(event_.get(), loop_.base(), fd_, EV_READ | EV_PERSIST, &Listener::event, this);
  enter(State::kAccepting);
}

Listener::~Listener() {
  enter(State::kPaused);
  close(fd_);
}

Listener::Queue Listener::queue() const {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  return {info.tcpi_unacked, info.tcpi_sacked};  // a listener's meaning (kernel-facts M)
}

void Listener::change(int backlog, const ClientSocketOptions& options) {
  set_client_options(fd_, options);
  if (::listen(fd_, backlog) != 0) log_warn("listen backlog={} errno={}", backlog, errno);
}

void Listener::pause() { enter(State::kPaused); }
void Listener::resume() { enter(State::kAccepting); }

void Listener::enter(State state) {
  if (state == state_) return;
  if (state == State::kAccepting) WEIR_CHECK(event_add(event_.get(), nullptr) == 0);
  if (state_ == State::kAccepting) event_del(event_.get());
  if (state == State::kResting) {
    timer_.set(after(loop_.now(), kRest));
  } else {
    timer_.clear();
  }
  state_ = state;
}

void Listener::on_timer(Timer&) { enter(State::kAccepting); }

void Listener::event(int, short, void* listener) noexcept {
  static_cast<Listener*>(listener)->accept_some();
}

// The event is level triggered: what is left in the queue raises it again in the next round.
void Listener::accept_some() {
  for (int i = 0; i < kAcceptMost && state_ == State::kAccepting; ++i) {
    if (!owner_.may_accept(*this)) return rest("as many connections as allowed");
    if (!accept_one()) return;
  }
}

void Listener::accept_waiting() {
  for (std::uint32_t left = queue().waiting; left > 0 && accept_one(); --left) {
  }
}

bool Listener::accept_one() {
  sockaddr_storage raw;
  socklen_t length = sizeof raw;
  const int fd =
      accept4(fd_, reinterpret_cast<sockaddr*>(&raw), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return accept_failed(errno);
  owner_.on_accept(*this, fd, address_from(reinterpret_cast<const sockaddr&>(raw), length));
  return true;
}

// Whether to go on accepting.
bool Listener::accept_failed(int error) {
  switch (error) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      starved_ = true;
      rest(std::strerror(error));
      return false;
    default:  // ECONNABORTED and what accept(2) passes on from the network: that one is lost
      return true;
  }
}

void Listener::rest(std::string_view why) {
  enter(State::kResting);
  if (said_ != TimePoint::min() && loop_.now() - said_ < kSayEvery) return;
  said_ = loop_.now();
  log_warn("listener={} accept=paused reason=\"{}\"", local().text(), why);
}

}  // namespace weir::net
