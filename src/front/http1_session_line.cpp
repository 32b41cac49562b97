// Http1Session: the connection behind a 101. Who stays is judged as ever, by what was acknowledged;
// a FIN of the client's is carried through and means nothing by itself.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "front/http1_session.h"

namespace weir::front {

using delivery::CloseReason;

// What the owner did is looked at when it is done: it may be destroyed by what follows.
bool Http1Session::step_line() {
  const Verdict verdict = stream_->line->on_line(*this);
  if (conn_.peer_closed()) judge_half_closed();
  // Behind its FIN nobody reads on to meet a reset.
  const bool unread = readable_ && conn_.peer_closed();
  if (conn_.broken() || (unread && conn_.failure() != 0)) {
    gone(0);
  } else if (verdict.then == Then::kReset) {
    if (verdict.why == CloseReason::kTunnelReset) stream_->ending.error = Error{Errc::kOriginReset};
    begin_cut(verdict.why);
  } else if (input_cut_ && !output_ended_) {
    begin_cut(CloseReason::kTunnelCut);
  } else if (input_cut_ || verdict.then == Then::kFinish) {
    stream_->line_whole = true;
    begin_linger(CloseReason::kTunnelEnded);
  }
  return state_ != State::kLine;
}

// Read until the socket says that it is empty: a FIN or reset that came with the last bytes has no
// edge of its own.
net::IoResult Http1Session::take(std::span<std::byte> into) {
  if (!pending_.empty()) {
    const std::size_t n = std::min(into.size(), pending_.size());
    std::memcpy(into.data(), pending_.data(), n);
    pending_.erase(0, n);
    if (pending_.empty()) pending_.shrink_to_fit();
    return {n, net::IoState::kDone};
  }
  if (!readable_) return {0, net::IoState::kAgain};
  const net::IoResult r = conn_.read(into);
  readable_ = r.state == net::IoState::kDone;
  // RFC 8446 §6.1: it may be anybody's, and must not be passed on as the client's.
  input_cut_ = r.state == net::IoState::kEnd && conn_.tls() && conn_.tls()->cut();
  if (input_cut_) return {0, net::IoState::kError, EPROTO};
  return r;
}

net::IoResult Http1Session::put(std::span<const std::byte> bytes) {
  const std::uint64_t before = conn_.bytes_written();
  const net::Piece piece{bytes, -1, 0};
  const net::IoResult r = conn_.write({&piece, 1});
  home_.stats.sent_bytes.add(conn_.bytes_written() - before);
  stream_->sender.count_line(r.bytes);
  stream_->note_written(conn_.bytes_written());
  watch_.expect(home_.loop.now());
  return r;
}

void Http1Session::end_output() {
  if (std::exchange(output_ended_, true)) return;
  conn_.shutdown_write();
  watch_.expect(home_.loop.now());
}

}  // namespace weir::front
