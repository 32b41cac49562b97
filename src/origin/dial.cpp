#include "origin/dial.h"

#include <array>
#include <cerrno>

#include "base/check.h"
#include "base/log.h"
#include "base/quoted.h"

namespace weir::origin {

Dial::Dial(net::Loop& loop, net::Resolver& resolver, Servers& servers, std::size_t server,
           std::string_view introduction, Duration limit, Owner& owner)
    : loop_(loop),
      servers_(servers),
      server_(server),
      introduction_(introduction),
      owner_(owner),
      timer_(loop, *this),
      until_(after(loop.now(), limit)),
      connector_(std::make_unique<net::Connector>(loop, resolver, this->server().address, limit,
                                                  *this, servers.settings.local_address)) {}

Dial::~Dial() = default;

void Dial::on_connected(Result<net::Connected> result) {
  WEIR_CHECK(state_ == State::kConnecting);
  connector_.reset();
  if (!result) return finish(std::unexpected(result.error()));
  conn_ = std::make_unique<net::Conn>(loop_, result->fd, result->peer, *this);
  if (servers_.settings.proxy_protocol) {
    const bool own = introduction_.empty();
    conn_->introduce(own ? net::print_proxy_header({}, {}) : std::string(introduction_));
  }
  if (!server().tls) return finish(std::move(conn_));
  shake_hands();
}

void Dial::shake_hands() {
  state_ = State::kShaking;
  timer_.set(until_);
  conn_->start_tls(std::make_unique<net::Tls>(
      servers_.tls.get(), net::TlsPeer{servers_.settings.tls_name_of(server()), server().name},
      conn_->fd()));
}

// Heard once: the handshake is over, or the connection has failed.
void Dial::on_ready(net::Conn&, net::Ready) {
  WEIR_CHECK(state_ == State::kShaking);
  if (conn_->handshaking()) return finish(std::unexpected(why_failed()));
  finish(std::move(conn_));
}

void Dial::on_timer(net::Timer&) { finish(fail(Errc::kOriginTlsTimeout)); }

Error Dial::why_failed() {
  std::array<std::byte, 1> nothing;
  const int sys = conn_->read(nothing).error;
  const net::Tls& tls = *conn_->tls();
  if (servers_.may_tell_of_tls(loop_.now())) {
    log_warn("TLS failed origin={} server={} name={} reason={}", servers_.settings.name,
             server().name, servers_.settings.tls_name_of(server()), quoted(tls.why_failed()));
  }
  switch (tls.doubt()) {
    case net::TlsDoubt::kSigner:
      return {Errc::kOriginUntrusted};
    case net::TlsDoubt::kName:
      return {Errc::kOriginWrongName};
    case net::TlsDoubt::kTime:
      return {Errc::kOriginExpired};
    case net::TlsDoubt::kNone:
      break;
  }
  // The connection went, as it may while a server starts again; or its end has refused us.
  return {sys == EPROTO ? Errc::kOriginTlsFailed : Errc::kConnectFailed, sys};
}

void Dial::finish(Result<std::unique_ptr<net::Conn>> result) {
  WEIR_CHECK(state_ != State::kOver);
  state_ = State::kOver;
  timer_.clear();
  owner_.on_dialled(std::move(result));
}

}  // namespace weir::origin
