#include "proxy/tunnel.h"

#include <algorithm>
#include <array>
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
      watch_(rules.delivery),
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
  if (line_) line_->turn();  // may destroy this
}

Line::Verdict Tunnel::on_line(Line& line) {
  line_ = &line;
  const std::uint64_t up = up_.bytes;
  const std::uint64_t down = down_.bytes;
  bool more = move(
      up_, [&](auto into) { return line.take(into); }, [&](auto bytes) { return put(bytes); },
      [&] { conn_.shutdown_write(); });
  more |= move(
      down_, [&](auto into) { return take(into); }, [&](auto bytes) { return line.put(bytes); },
      [&] {
        if (!reset_) line.end_output();
      });
  stats_.from_client.add(up_.bytes - up);
  stats_.to_client.add(down_.bytes - down);
  if (up_.bytes + down_.bytes != up + down) {
    last_ = conn_.loop().now();
    idle_ = false;
  }
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
  way.kept.taken(written.bytes);
  return written.bytes == wanted;
}

// ---- the origin's side, as front::Line is the client's

net::IoResult Tunnel::take(std::span<std::byte> into) {
  if (!readable_) return {0, net::IoState::kAgain};
  const net::IoResult r = conn_.read(into);
  readable_ = r.state == net::IoState::kDone;
  if (r.state == net::IoState::kError) lose_origin();
  return r;
}

net::IoResult Tunnel::put(std::span<const std::byte> bytes) {
  const net::IoResult r = conn_.write(std::array{net::Piece{bytes, -1, 0}});
  if (r.state != net::IoState::kError) {
    watch_.expect(conn_.loop().now());
    return r;
  }
  // What it said before may still be there to be read, and then the error is.
  readable_ = true;
  up_.state = State::kEnded;
  return {bytes.size(), net::IoState::kDone};
}

// The client gets what came before.
void Tunnel::lose_origin() {
  reset_ = true;
  up_.state = State::kEnded;
  up_.kept.clear();
}

// ---- how it ends

Line::Verdict Tunnel::verdict() {
  if (stalled_) return {Line::Then::kReset, CloseReason::kTunnelStalled};
  if (idle_) {
    clean_ = true;
    return {Line::Then::kFinish, CloseReason::kTunnelIdle};
  }
  const bool ended = up_.state == State::kEnded && down_.state == State::kEnded;
  if (!ended) return {};
  if (reset_) return {Line::Then::kReset, CloseReason::kTunnelReset};
  if (conn_.tls() && conn_.tls()->pending()) return {};  // its last records wait for room
  clean_ = true;
  return {Line::Then::kFinish, CloseReason::kTunnelEnded};
}

void Tunnel::on_timer(net::Timer&) {
  armed_ = TimePoint::max();
  const TimePoint now = conn_.loop().now();
  const bool given_up = now >= watch_.look_at() && !look();
  idle_ = now >= after(last_, rules_.idle_timeout) && up_.kept.empty() && down_.kept.empty();
  if (line_ && (given_up || idle_)) return line_->turn();  // may destroy this
  if (!line_) last_ = now;  // the client has yet to take the 101, and is judged for that
  arm();
}

// Whether the origin may stay.
bool Tunnel::look() {
  const auto phase = delivery::Phase::kSending;
  const delivery::Decision decision = watch_.look(conn_, phase, 0, nullptr);
  using What = delivery::Decision::What;
  if (decision.what == What::kKeep || decision.what == What::kProbe) return true;
  if (decision.reason == CloseReason::kResetByClient) {
    readable_ = true;
  } else {
    stalled_ = true;
  }
  return false;
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
