#include "net/conn.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/check.h"

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44  // Linux 6.15
#endif

namespace weir::net {
namespace {

constexpr std::size_t kRecord = 16 * 1024;  // RFC 8446 §5.1

}  // namespace

Conn::Conn(Loop& loop, int fd, const Address& peer, Owner& owner)
    : loop_(loop), owner_(&owner), fd_(fd), peer_(peer) {
  WEIR_CHECK(fd_ >= 0);
  event_assign(event_.get(), loop_.base(), fd_, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
               &Conn::event, this);
  WEIR_CHECK(event_add(event_.get(), nullptr) == 0);
}

Conn::~Conn() {
  if (!open()) return;
  event_del(event_.get());
  close(fd_);
}

void Conn::event(int, short what, void* conn) noexcept {
  Conn& self = *static_cast<Conn*>(conn);
  self.loop_.now();  // the round begins here, whatever its callbacks do
  Ready ready{.readable = (what & EV_READ) != 0,
              .writable = (what & EV_WRITE) != 0,
              .closed = (what & EV_CLOSED) != 0};
  self.peer_closed_ |= ready.closed;
  if (self.intro_ && !self.take_introduction(ready)) return;
  if (self.tls_ && !self.intro_ && !self.advance_tls(ready)) return;
  self.owner_->on_ready(self, ready);
}

IoResult Conn::failed(int error, std::size_t bytes) {
  error_ = error;
  return {bytes, IoState::kError, error};
}

IoResult Conn::read(std::span<std::byte> into) {
  WEIR_DCHECK(!into.empty());
  if (intro_) return error_ != 0 ? failed(error_) : IoResult{0, IoState::kAgain};
  if (tls_) return read_tls(into);
  ssize_t n;
  do {
    n = recv(fd_, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    read_ += static_cast<std::size_t>(n);
    return {static_cast<std::size_t>(n), IoState::kDone};
  }
  // A write that failed says nothing of what came before: the peer's last words are read first.
  if (error_ != 0) return failed(error_);
  if (n == 0) {
    peer_closed_ = true;
    return {0, IoState::kEnd};
  }
  return errno == EAGAIN ? IoResult{0, IoState::kAgain} : failed(errno);
}

IoResult Conn::read_discard(std::size_t most) {
  std::array<std::byte, 64 * 1024> scratch;  // NOLINT: nobody looks at it
  std::size_t bytes = 0;
  while (bytes < most) {
    IoResult r = read(std::span(scratch).first(std::min(scratch.size(), most - bytes)));
    bytes += r.bytes;
    if (r.state != IoState::kDone) {
      r.bytes = bytes;
      return r;
    }
  }
  return {bytes, IoState::kDone};
}

IoResult Conn::write(std::span<const Piece> pieces, bool more) {
  if (error_ != 0) return failed(error_);
  if (intro_) return {0, IoState::kAgain};
  if (tls_) return write_tls(pieces);
  std::uint64_t left = 0;
  for (const Piece& piece : pieces) left += piece.bytes.size();
  IoResult all;
  std::size_t skip = 0;  // of pieces.front()
  while (left > 0) {
    for (; skip >= pieces.front().bytes.size(); pieces = pieces.subspan(1)) {
      skip -= pieces.front().bytes.size();
    }
    const IoResult step = worth_sendfile(pieces.front()) ? send_file(pieces.front(), skip)
                                                         : send_memory(pieces, skip, left, more);
    written_ += step.bytes;
    all.bytes += step.bytes;
    all.state = step.state;
    all.error = step.error;
    if (step.state != IoState::kDone) break;
    left -= step.bytes;
    skip += step.bytes;
  }
  return all;
}

Conn::Gathered Conn::gather(std::span<const Piece> pieces, std::size_t skip,
                            std::span<iovec> into) const {
  Gathered g;
  for (const Piece& piece : pieces) {
    if (g.count == into.size() || g.bytes == kGatherMost || worth_sendfile(piece)) break;
    const std::span<const std::byte> bytes = piece.bytes.subspan(skip);
    skip = 0;
    if (bytes.empty()) continue;
    const std::size_t size = std::min(bytes.size(), kGatherMost - g.bytes);
    into[g.count++] = {const_cast<std::byte*>(bytes.data()), size};
    g.bytes += size;
  }
  return g;
}

IoResult Conn::send_memory(std::span<const Piece> pieces, std::size_t skip, std::uint64_t left,
                           bool more) {
  std::array<iovec, IOV_MAX> vectors;  // NOLINT: only `count` of them are touched
  const Gathered g = gather(pieces, skip, vectors);
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = g.count;
  const int flags = MSG_NOSIGNAL | (more || g.bytes < left ? MSG_MORE : 0);
  ssize_t n;
  do {
    n = sendmsg(fd_, &message, flags);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno == EAGAIN ? IoResult{0, IoState::kAgain} : failed(errno);
  const auto sent = static_cast<std::size_t>(n);
  // A short count means that the kernel ran out of room and will tell when there is some again.
  return {sent, sent < g.bytes ? IoState::kAgain : IoState::kDone};
}

// Goes on until EAGAIN: a short count of sendfile may also have a cause at the file's side, and
// then no edge would follow.
IoResult Conn::send_file(const Piece& piece, std::size_t skip) {
  auto offset = static_cast<off_t>(piece.file_offset + skip);
  std::size_t sent = 0;
  const std::size_t wanted = piece.bytes.size() - skip;
  while (sent < wanted) {
    const ssize_t n = sendfile(fd_, piece.fd, &offset, wanted - sent);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n == 0) {
      return failed(EIO, sent);  // the file is shorter than its piece: the response must be cut
    } else if (errno == EAGAIN) {
      return {sent, IoState::kAgain};
    } else if (errno != EINTR) {
      return failed(errno, sent);
    }
  }
  return {sent, IoState::kDone};
}

void Conn::shutdown_write() {
  if (!open()) return;
  if (tls_) {
    tls_->close();
    shut_after_flush_ = tls_->flush() == TlsStep::kAgain;
    if (shut_after_flush_) return;
  }
  shutdown(fd_, SHUT_WR);  // fails only when the connection is gone already
}

void Conn::reset() {
  if (!open()) return;
  event_del(event_.get());
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd_);
  fd_ = -1;
}

int Conn::failure() {
  if (error_ != 0) return error_;
  socklen_t length = sizeof error_;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_, &length) != 0) error_ = errno;
  return error_;
}

void Conn::expect_proxy_header() {
  WEIR_CHECK(!intro_ && !tls_ && read_ == 0 && written_ == 0);
  intro_ = std::make_unique<ProxyHeaderDecoder>();
}

// Looked at before it is taken, so that no byte behind it is: those may be TLS. False: the owner
// need not hear of it.
bool Conn::take_introduction(Ready& ready) {
  ready.readable = ready.writable =
      true;                          // the edge for what stands behind the header was this one
  std::array<std::byte, 256> bytes;  // NOLINT: only what was read is looked at
  while (error_ == 0) {
    const ssize_t n = recv(fd_, bytes.data(), bytes.size(), MSG_PEEK);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) {
      error_ = n == 0 ? ECONNRESET : errno;
      break;
    }
    const auto step = intro_->feed(std::span(bytes).first(static_cast<std::size_t>(n)));
    recv(fd_, bytes.data(), step.used, 0);  // they are here: it takes them all
    if (step.status == ProxyHeaderDecoder::Status::kMore) continue;
    if (step.status == ProxyHeaderDecoder::Status::kBad) {
      error_ = EBADMSG;
      break;
    }
    if (intro_->source()) {
      peer_ = *intro_->source();
      told_local_ = std::make_unique<Address>(*intro_->destination());
    }
    intro_.reset();
    return true;
  }
  return true;
}

void Conn::introduce(std::string_view header) {
  WEIR_CHECK(!tls_ && written_ == 0);
  const ssize_t n = send(fd_, header.data(), header.size(), MSG_NOSIGNAL | MSG_MORE);
  if (n != static_cast<ssize_t>(header.size())) error_ = n < 0 ? errno : ENOBUFS;
}

void Conn::start_tls(std::unique_ptr<Tls> tls) {
  WEIR_CHECK(!tls_ && read_ == 0 && written_ == 0);
  tls_ = std::move(tls);
}

// What an edge does below the owner: the handshake, and records that waited for room. False: the
// owner need not hear of it.
bool Conn::advance_tls(Ready& ready) {
  const bool was_open = tls_->open();
  if (!was_open) {
    const TlsStep step = tls_->step();
    if (step == TlsStep::kAgain) return false;
    if (step == TlsStep::kFailed) error_ = tls_->error();
    ready.readable = ready.writable = true;
    return true;
  }
  if (!ready.writable || !tls_->pending()) return true;
  const TlsStep step = tls_->flush();
  if (step == TlsStep::kFailed) error_ = tls_->error();
  if (step == TlsStep::kDone && std::exchange(shut_after_flush_, false)) shutdown(fd_, SHUT_WR);
  if (step == TlsStep::kAgain) ready.writable = false;
  return true;
}

IoResult Conn::read_tls(std::span<std::byte> into) {
  if (!tls_->open() && error_ == 0) return {0, IoState::kAgain};
  const Tls::Got got = tls_->read(into);
  read_ += got.bytes;
  switch (got.step) {
    case TlsStep::kDone:
      return {got.bytes, IoState::kDone};
    case TlsStep::kAgain:
      return error_ != 0 ? failed(error_) : IoResult{0, IoState::kAgain};
    case TlsStep::kEnd:
      peer_closed_ = true;
      return {0, IoState::kEnd};
    case TlsStep::kFailed:
      return failed(error_ != 0 ? error_ : tls_->error());
  }
  check_failed("unknown step", __FILE__, __LINE__);
}

// Small pieces share a record, large ones are encrypted from where they are. What was taken leaves
// when the batch is full or all was taken; what the kernel then has no room for leaves at the next
// edge without the owner.
IoResult Conn::write_tls(std::span<const Piece> pieces) {
  if (!tls_->open()) return {0, IoState::kAgain};
  std::array<std::byte, kRecord> record;  // NOLINT: only what is copied into it is read
  IoResult all;
  std::size_t filled = 0;
  const auto put = [&](std::span<const std::byte> bytes) {
    const Tls::Got got = tls_->write(bytes);
    all.bytes += got.bytes;
    if (got.step == TlsStep::kAgain) all.state = IoState::kAgain;
    if (got.step == TlsStep::kFailed) all = failed(tls_->error(), all.bytes);
    return got.step == TlsStep::kDone;
  };
  for (const Piece& piece : pieces) {
    std::span<const std::byte> left = piece.bytes;
    while (!left.empty()) {
      if (filled == 0 && left.size() >= record.size()) {
        if (!put(left)) return all;
        break;
      }
      const std::size_t n = std::min(left.size(), record.size() - filled);
      std::memcpy(record.data() + filled, left.data(), n);
      filled += n;
      left = left.subspan(n);
      if (filled < record.size()) continue;
      if (!put(std::span(record).first(std::exchange(filled, 0)))) return all;
    }
  }
  if (filled > 0 && !put(std::span(record).first(filled))) return all;
  if (tls_->flush() == TlsStep::kFailed) return failed(tls_->error(), all.bytes);
  return all;
}

void Conn::set_notsent_lowat(std::uint32_t bytes) {
  const int value = static_cast<int>(bytes);
  setsockopt(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
}

void Conn::set_keepalive_idle(Duration idle) {
  const auto seconds = std::chrono::floor<Seconds>(idle).count();
  const int value = static_cast<int>(seconds);
  setsockopt(fd_, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value);
}

void Conn::set_rto_max(Duration longest) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  const int value = static_cast<int>(std::clamp<std::int64_t>(ms, 1000, 120'000));
  setsockopt(fd_, IPPROTO_TCP, TCP_RTO_MAX_MS, &value, sizeof value);
}

void set_client_options(int fd, const ClientSocketOptions& options) {
  const auto set = [fd](int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);  // an older kernel does without
  };
  if (options.notsent_lowat != 0) {
    set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(options.notsent_lowat));
  }
  if (options.rto_max > Duration(0)) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(options.rto_max).count();
    set(IPPROTO_TCP, TCP_RTO_MAX_MS, static_cast<int>(std::clamp<std::int64_t>(ms, 1000, 120'000)));
  }
  if (!options.keepalive) return;
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE,
      static_cast<int>(std::chrono::floor<Seconds>(kKeepaliveIdle).count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace weir::net
