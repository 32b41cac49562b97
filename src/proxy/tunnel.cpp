#include "proxy/tunnel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace weir::proxy {
namespace {

using delivery::CloseReason;
using front::Line;

// Bytes one way in one turn, before other connections get theirs.
constexpr std::uint64_t kTurnMost = 512 * 1024;

// For bytes on their way through. One a thread: never in use across a callback.
std::span<std::byte> scratch(std::size_t size) {
  thread_local std::vector<std::byte> bytes;
  if (bytes.size() < size) bytes.resize(size);
  return std::span(bytes).first(size);
}

}  // namespace

Tunnel::Tunnel(const TunnelRules& rules, TunnelStats& stats, origin::Switched origin)
    : rules_(rules),
      stats_(stats),
      origin_(std::move(origin)),
      conn_(origin_.conn()),
      timer_(conn_.loop(), *this),
      watch_(rules.delivery, front::DeliveryWatch::Opened::kByUs),
      last_(conn_.loop().now()) {
  conn_.set_owner(*this);
  net::set_client_options(conn_.fd(), rules.socket);
  const std::string early = origin_.take_early();
  down_.bytes = early.size();
  down_.kept.keep(std::as_bytes(std::span(early)));
  stats_.to_client.add(early.size());
  stats_.open.add();
}

Tunnel::~Tunnel() {
  stats_.open.set(stats_.open.get() - 1);
  if (!clean_) conn_.reset();
}

void Tunnel::on_ready(net::Conn&, net::Ready what) {
  if (what.readable || what.closed) readable_ = true;
  // Behind its FIN nobody reads on to meet a reset.
  if (down_.state != State::kOpen && conn_.failure() != 0) lose_origin(conn_.failure());
  if (line_) line_->turn();  // may destroy this
}

Line::Verdict Tunnel::on_line(Line& line) {
  line_ = &line;
  const std::uint64_t up = up_.bytes;
  const std::uint64_t down = down_.bytes;
  bool more = move(
      up_, [&](auto into) { return line.take(into); }, [&](auto bytes) { return put(bytes); },
      [&] { end_output(); });
  more |= move(
      down_, [&](auto into) { return take(into); }, [&](auto bytes) { return line.put(bytes); },
      [&] {
        if (failed_ == CloseReason::kOpen) line.end_output();
      });
  stats_.from_client.add(up_.bytes - up);
  stats_.to_client.add(down_.bytes - down);
  if (up_.bytes + down_.bytes != up + down) last_ = conn_.loop().now();
  if (more) line.later();
  arm();
  return verdict();
}

// Moves what there is until something stops it. True: it has had its share.
template <class Take, class Put, class End>
bool Tunnel::move(Way& way, Take take, Put put, End end) {
  const std::uint64_t before = way.bytes;
  while (way.state != State::kEnded) {
    if (!flush(way, put)) return false;
    if (way.state == State::kEnded) break;
    if (way.state == State::kFlushing) {
      end();
      way.state = State::kEnded;
      return false;
    }
    if (way.bytes - before >= kTurnMost) return true;
    const std::span<std::byte> into = scratch(rules_.buffer);
    const net::IoResult got = take(into);
    if (got.state == net::IoState::kAgain) return false;
    if (got.state == net::IoState::kDone) {
      way.bytes += got.bytes;
      const std::span<const std::byte> bytes = into.first(got.bytes);
      const net::IoResult written = put(bytes);
      if (written.bytes < bytes.size()) way.kept.keep(bytes.subspan(written.bytes));
    } else if (way.state == State::kOpen) {
      way.state = State::kFlushing;
      if (got.state == net::IoState::kError && &way == &up_) return false;  // the session ends
    }
  }
  way.kept.clear();
  return false;
}

// Writes what was kept. False: it was not all taken.
template <class Put>
bool Tunnel::flush(Way& way, Put put) {
  if (way.kept.empty()) return true;
  const std::span<const std::byte> bytes = way.kept.bytes();
  const std::size_t wanted = bytes.size();
  const net::IoResult written = put(bytes);
  if (way.state != State::kEnded) way.kept.taken(written.bytes);
  return written.bytes == wanted;
}

// ---- the origin's side, as front::Line is the client's

net::IoResult Tunnel::take(std::span<std::byte> into) {
  if (!readable_) return {0, net::IoState::kAgain};
  const net::IoResult r = conn_.read(into);
  readable_ = r.state == net::IoState::kDone;
  if (r.state == net::IoState::kError) lose_origin(r.error);
  if (r.state != net::IoState::kEnd) return r;
  if (conn_.tls() && conn_.tls()->cut()) fail(CloseReason::kTunnelCut);  // RFC 8446 §6.1
  watch_.look_now(conn_.loop().now());  // whether it is still there, for it may be silent now
  return r;
}

net::IoResult Tunnel::put(std::span<const std::byte> bytes) {
  const net::IoResult r = conn_.write(std::array{net::Piece{bytes, -1, 0}});
  if (r.state != net::IoState::kError) {
    watch_.expect(conn_.loop().now());
    return r;
  }
  // What it said before may still be there to be read, and then the error is.
  if (down_.state == State::kOpen) {
    readable_ = true;
    up_.state = State::kEnded;
  } else {
    lose_origin(r.error);
  }
  return {bytes.size(), net::IoState::kDone};
}

void Tunnel::end_output() {
  conn_.shutdown_write();
  watch_.expect(conn_.loop().now());
}

void Tunnel::lose_origin(int error) {
  fail(error == ETIMEDOUT ? CloseReason::kTunnelStalled : CloseReason::kTunnelReset);
}

// The origin is told nothing more, and the client what was read before.
void Tunnel::fail(CloseReason why) {
  if (failed_ == CloseReason::kOpen) failed_ = why;
  up_.drop();
}

// ---- how it ends

Line::Verdict Tunnel::verdict() {
  const bool ended = up_.state == State::kEnded && down_.state == State::kEnded;
  if (!ended) return {};
  if (failed_ != CloseReason::kOpen) return {Line::Then::kReset, failed_};
  if (conn_.tls() && conn_.tls()->pending()) return {};  // its last records wait for room
  clean_ = true;
  return {Line::Then::kFinish};
}

void Tunnel::on_timer(net::Timer&) {
  armed_ = TimePoint::max();
  const TimePoint now = conn_.loop().now();
  if (now >= watch_.look_at()) look();
  if (!line_) last_ = now;  // the client has yet to take the 101, and is judged for that
  if (now >= after(last_, rules_.idle_timeout) && up_.kept.empty() && down_.kept.empty()) {
    fail(CloseReason::kTunnelIdle);
    down_.drop();
  }
  if (failed_ != CloseReason::kOpen && line_) return line_->turn();  // may destroy this
  arm();
}

// May the origin stay?
void Tunnel::look() {
  const delivery::Decision decision = watch_.look(conn_, delivery::Phase::kSending, 0, nullptr);
  using What = delivery::Decision::What;
  if (decision.what == What::kKeep || decision.what == What::kProbe) return;
  if (conn_.failure() == 0) {
    fail(CloseReason::kTunnelStalled);
    down_.drop();
  } else if (down_.state != State::kOpen) {
    lose_origin(conn_.failure());
  }  // else its event is on its way, and the error is met behind what came before
}

// No earlier than it must: most bytes move nothing here.
void Tunnel::arm() {
  const TimePoint now = conn_.loop().now();
  const bool owes = !up_.kept.empty() || !down_.kept.empty();
  const TimePoint idle = after(owes ? now : last_, rules_.idle_timeout);
  const TimePoint at = std::min(idle, watch_.look_at());
  if (at >= armed_) return;
  armed_ = at;
  timer_.set(at);
}

}  // namespace weir::proxy
