#include "origin/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "http/print.h"

namespace weir::origin {
namespace {

// For heads and for bytes that need decoding first. One a thread: never in use across a callback.
std::span<std::byte> scratch() {
  thread_local std::array<std::byte, 64 * 1024> bytes;
  return bytes;
}

// For what a writer has no use for, while scratch() holds what is decoded.
std::span<std::byte> spill() {
  thread_local std::array<std::byte, 64 * 1024> bytes;
  return bytes;
}

// Bytes of one response read in a turn, before other connections get theirs.
constexpr std::uint64_t kTurnMax = body::kChunkSize;
// Interim responses before the final one: a 102 every few seconds, a handful of 103. In bytes they
// have the limit of one head.
constexpr std::uint32_t kInterimMost = 100;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Methods whose requests say that they have no content (RFC 9110 §8.6).
bool states_empty_body(http::Method m) {
  return m == http::Method::kPost || m == http::Method::kPut || m == http::Method::kPatch;
}

// Failures of ours, not the server's: descriptors, memory or ports have run out.
constexpr bool is_ours(int sys) {
  return sys == EMFILE || sys == ENFILE || sys == ENOMEM || sys == EADDRNOTAVAIL;
}

}  // namespace

Call::Call(Pool& pool, const http::Request& head, Ref<body::Body> body, const Route& route,
           Owner& owner)
    : pool_(pool),
      head_(head),
      request_body_(std::move(body)),
      tried_(route.tried),
      introduction_(route.introduction),
      owner_(owner),
      timer_(pool.loop(), *this),
      parser_(pool.settings().limits),
      decoder_(pool.settings().limits) {
  opener_.owner = this;
  const auto pick = pool_.servers().balancer.pick(pool_.loop().now(), route.hash, tried_);
  if (pick) {
    pick_ = *pick;
    seek();
  } else {
    const bool ejected = pick.error().why == NoServer::Why::kEjected;
    over(fail(ejected ? Errc::kServersEjected : Errc::kServersUnhealthy));
  }
  pool_.loop().post(*this);  // no callback from within the constructor
}

Call::~Call() {
  pool_.servers().limit.leave(opener_);
  reader_.reset();
  pool_.loop().cancel(*this);
  report(Verdict::kNone, {});
}

void Call::seek() {
  auto connection = pool_.take(pick_->server, *this);
  if (!connection) return stand_in_line();
  reused_ = true;
  begin(std::move(*connection));
}

void Call::stand_in_line() {
  state_ = State::kWaiting;
  timer_.set(after(pool_.loop().now(), pool_.settings().queue_timeout));
  step_waiting();
}

Call::Flow Call::step_waiting() {
  place_ = pool_.servers().limit.take(opener_, pick_->server);
  if (!place_) return Flow::kStop;
  timer_.clear();  // the dial has its own
  state_ = State::kConnecting;
  dial_ = pool_.connect(pick_->server, introduction_, *this);
  return Flow::kStop;
}

void Call::on_dialled(Result<std::unique_ptr<net::Conn>> conn) {
  dial_.reset();
  if (!conn) {
    over(std::unexpected(conn.error()));
  } else {
    (*conn)->set_owner(*this);
    begin({std::move(place_), std::move(*conn), 0});
  }
  take_turn();
}

void Call::begin(Connection connection) {
  link_.emplace(std::move(connection));
  ++link_->requests;
  server_ = link_->conn->peer().text();
  state_ = State::kHead;
  request_sent_ = client_owes_ = false;
  piece_left_ = 0;
  // A reader that a stale connection leaves behind has read nothing so far, and keeps the bytes.
  if (request_body_ && !reader_) reader_.emplace(request_body_, 0, body::kUnlimited, *this);
  compose_head();
  wind_clock();
}

void Call::compose_head() {
  text_.clear();
  text_at_ = 0;
  http::print_request(head_, text_);
  text_.resize(text_.size() - 2);  // the framing comes before the empty line
  if (request_body_) {
    const auto total = request_body_->total();
    body_chunked_ = !total;  // also when the total becomes known later
    total ? http::print_field("Content-Length", *total, text_)
          : http::print_field("Transfer-Encoding", "chunked", text_);
  } else if (states_empty_body(head_.method)) {
    http::print_field("Content-Length", 0, text_);
  }
  text_ += "\r\n";
}

void Call::on_ready(net::Conn&, net::Ready) { take_turn(); }

// How long the origin may take. Not while it is we who do not read, nor while the client owes bytes
// of its request: front/ judges the client, and fails the request's body.
void Call::wind_clock() {
  if (client_owes_ || blocked_) return timer_.clear();
  const Settings& settings = pool_.settings();
  timer_.set(after(pool_.loop().now(), state_ == State::kHead ? settings.first_byte_timeout
                                                              : settings.between_bytes_timeout));
}

void Call::on_timer(net::Timer&) {
  if (state_ == State::kWaiting) {
    over(fail(Errc::kQueueTimeout));
  } else {
    const bool asked = state_ == State::kHead;
    over(fail(asked ? Errc::kFirstByteTimeout : Errc::kBetweenBytesTimeout));
  }
  take_turn();
}

void Call::take_turn() {
  if (in_turn_) return;
  in_turn_ = true;
  turn_bytes_ = 0;
  if (link_ && !request_sent_) send_request();
  Flow flow = Flow::kOn;
  while (flow == Flow::kOn) {
    switch (state_) {
      case State::kWaiting:
        flow = step_waiting();
        break;
      case State::kHead:
        flow = step_head();
        break;
      case State::kBody:
        flow = step_body();
        break;
      case State::kConnecting:
      case State::kOver:
        flow = Flow::kStop;
        break;
    }
  }
  in_turn_ = false;
  if (state_ == State::kOver) {
    timer_.clear();
    owner_.on_over(result_);
  }
}

// ---- the request

void Call::send_request() {
  while (state_ != State::kOver) {
    body::Lease lease;
    const bool owed = client_owes_;
    client_owes_ = !next_piece(lease);
    if (state_ == State::kOver) return;
    if (client_owes_ != owed) wind_clock();
    if (client_owes_) return;
    std::array<net::Piece, 2> pieces;
    std::size_t n = 0;
    const std::size_t asked = text_.size() - text_at_ + lease.bytes.size();
    if (text_at_ < text_.size())
      pieces[n++] = {std::as_bytes(std::span(text_).subspan(text_at_)), -1, 0};
    if (!lease.bytes.empty()) pieces[n++] = {lease.bytes, -1, 0};
    if (n == 0) {
      request_sent_ = true;
      return;
    }
    const net::IoResult r = link_->conn->write(std::span(pieces).first(n));
    consumed(r.bytes);
    if (r.state == net::IoState::kError) {
      request_sent_ = true;  // the origin may have answered before it stopped reading
      return;
    }
    if (r.bytes < asked) return;
  }
}

// The next bytes of the request's body. False: there are none now, and nothing else is to be sent.
bool Call::next_piece(body::Lease& lease) {
  if (!reader_) return true;
  body::Next next =
      reader_->next(piece_left_ ? static_cast<std::size_t>(piece_left_) : body::kChunkSize);
  if (auto* got = std::get_if<body::Lease>(&next)) {
    lease = std::move(*got);
    if (piece_left_ == 0) {
      piece_left_ = lease.bytes.size();
      if (body_chunked_) fmt::format_to(std::back_inserter(text_), "{:x}\r\n", piece_left_);
    }
    return true;
  }
  if (std::holds_alternative<body::End>(next)) {
    if (body_chunked_) text_ += "0\r\n\r\n";
    reader_.reset();
    return true;
  }
  if (const auto* error = std::get_if<Error>(&next)) {
    over(std::unexpected(*error));
    return false;
  }
  return text_at_ < text_.size();
}

void Call::consumed(std::size_t n) {
  const std::size_t text = std::min(n, text_.size() - text_at_);
  text_at_ += text;
  if (text_at_ == text_.size()) {
    text_.clear();
    text_at_ = 0;
  }
  if (n == text) return;
  const std::size_t body = n - text;
  body_touched_ = true;
  reader_->advance(body);
  piece_left_ -= body;
  if (piece_left_ == 0 && body_chunked_) text_ += "\r\n";
  wind_clock();
}

// ---- the response

Call::Flow Call::step_head() {
  const net::IoResult r = link_->conn->read(scratch());
  if (r.state == net::IoState::kAgain) return Flow::kStop;
  if (r.state != net::IoState::kDone) return end_of_stream(r);
  response_began_ = true;
  return take_head(text_of(scratch().first(r.bytes)));
}

Call::Flow Call::take_head(std::string_view in) {
  while (!in.empty()) {
    const auto step = parser_.feed(in, head_.method, response_);
    // Bytes that are no HTTP on a reused connection belong to a response before: not to ours.
    if (!step) return may_retry() && interims_ == 0 ? retry() : over(std::unexpected(step.error()));
    in.remove_prefix(step->used);
    head_bytes_ += step->used;
    if (!step->complete) return Flow::kOn;
    if (response_.status >= 200) break;
    if (response_.status == 101) return take_switch(in);
    if (++interims_ > kInterimMost || head_bytes_ > pool_.settings().limits.head_bytes)
      return over(fail(Errc::kOriginEndlessInterim));
    owner_.on_informational(response_);
    parser_.reset();
    response_.clear();
  }
  if (response_.status < 200) return Flow::kOn;
  early_.assign(in);
  left_ = response_.framing == http::Framing::kLength ? response_.length : 0;
  state_ = State::kBody;
  wind_clock();
  refused_ = pool_.settings().eject_on_5xx && response_.status >= 502 && response_.status <= 504;
  if (!refused_ && pick_->trial != 0)
    tell(pool_.servers().balancer.answered(*pick_), pick_->server, {});
  owner_.on_head(response_);
  if (!has_body())
    finish();
  else if (!writer_)
    return over({});  // nobody wants the body: its connection ends
  return Flow::kOn;
}

// RFC 9110 §15.2.2: only to a request that asked for it.
Call::Flow Call::take_switch(std::string_view early) {
  if (!head_.fields.has(http::FieldId::kUpgrade) || !request_sent_)
    return over(fail(Errc::kOriginBadResponse));
  if (pick_->trial != 0) tell(pool_.servers().balancer.answered(*pick_), pick_->server, {});
  Connection connection = std::move(*link_);
  link_.reset();
  owner_.on_switched(response_,
                     Switched(pool_, *std::exchange(pick_, {}), std::move(connection), early));
  return over({});
}

void Call::receive(body::BodyWriter& writer, std::uint64_t skip, std::uint64_t most) {
  writer_ = &writer;
  skip_ = skip;
  most_ = most;
}

void Call::resume() {
  if (state_ != State::kBody) return;
  blocked_ = false;
  wind_clock();
  take_turn();
}

Call::Flow Call::step_body() {
  if (response_.framing == http::Framing::kLength && left_ == 0) return finish(), Flow::kStop;
  if (decoded_all_) return finish(), Flow::kStop;
  if (received_ == most_) return over({});  // what may follow is not wanted
  if (turn_bytes_ >= kTurnMax) {
    pool_.loop().post(*this);
    return Flow::kStop;
  }
  if (!early_.empty()) return take_early();
  if (response_.framing == http::Framing::kChunked) return read_chunked();
  return skip_ > 0 ? skip_some() : read_plain();
}

// Body bytes that came in one read with the head, or for which there was no space.
Call::Flow Call::take_early() {
  const bool chunked = response_.framing == http::Framing::kChunked;
  const std::size_t used = chunked ? decode(early_) : copy_plain(early_);
  early_.erase(0, used);
  if (state_ == State::kOver || used > 0) return Flow::kOn;
  return stopped(writer_->space(1, scratch()).stop);
}

std::size_t Call::copy_plain(std::string_view in) {
  if (response_.framing == http::Framing::kLength && in.size() > left_)
    in = in.substr(0, static_cast<std::size_t>(left_));
  in = in.substr(0, wanted(in.size()));
  std::size_t used = 0;
  if (skip_ > 0) {
    used = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, in.size()));
    skip_ -= used;
    accept(used);
    return used;
  }
  const auto space = writer_->space(in.size(), scratch()).bytes;
  used = std::min(space.size(), in.size());
  if (used == 0) return 0;
  std::memcpy(space.data(), in.data(), used);
  writer_->commit(used);
  accept(used);
  return used;
}

// Bytes of the chunked coding; returns how many were used up.
std::size_t Call::decode(std::string_view in) {
  std::size_t used = 0;
  while (used < in.size() && !decoded_all_) {
    std::span<std::byte> space;
    if (skip_ == 0) {
      space = writer_->space(in.size() - used, spill()).bytes;
      space = space.first(wanted(space.size()));
      if (space.empty()) break;
    }
    const std::size_t max =
        skip_ ? static_cast<std::size_t>(std::min<std::uint64_t>(skip_, in.size() - used))
              : std::min(space.size(), in.size() - used);
    const auto step = decoder_.feed(in.substr(used, max));
    if (!step) {
      over(fail(Errc::kOriginBadResponse));
      return in.size();
    }
    used += step->used;
    decoded_all_ = step->end;
    if (step->data.empty()) continue;
    if (skip_ > 0) {
      skip_ -= step->data.size();
    } else {
      std::memcpy(space.data(), step->data.data(), step->data.size());
      writer_->commit(step->data.size());
    }
    accept(step->data.size());
  }
  return used;
}

Call::Flow Call::read_plain() {
  const bool length = response_.framing == http::Framing::kLength;
  const std::uint64_t hint = length ? left_ : body::kChunkSize;
  const auto space =
      writer_->space(static_cast<std::size_t>(std::min(hint, body::kChunkSize)), scratch());
  if (space.bytes.empty()) return stopped(space.stop);
  auto into = space.bytes;
  if (length && into.size() > left_) into = into.first(static_cast<std::size_t>(left_));
  into = into.first(wanted(into.size()));
  const net::IoResult r = link_->conn->read(into);
  if (r.state == net::IoState::kAgain) return Flow::kStop;
  if (r.state != net::IoState::kDone) return end_of_stream(r);
  writer_->commit(r.bytes);
  accept(r.bytes);
  return Flow::kOn;
}

Call::Flow Call::read_chunked() {
  const net::IoResult r = link_->conn->read(scratch());
  if (r.state == net::IoState::kAgain) return Flow::kStop;
  if (r.state != net::IoState::kDone) return end_of_stream(r);
  const std::string_view in = text_of(scratch().first(r.bytes));
  early_.assign(in.substr(decode(in)));
  return Flow::kOn;
}

Call::Flow Call::skip_some() {
  std::uint64_t most = std::min<std::uint64_t>(skip_, scratch().size());
  if (response_.framing == http::Framing::kLength) most = std::min(most, left_);
  const net::IoResult r = link_->conn->read(scratch().first(static_cast<std::size_t>(most)));
  if (r.state == net::IoState::kAgain) return Flow::kStop;
  if (r.state != net::IoState::kDone) return end_of_stream(r);
  skip_ -= r.bytes;
  accept(r.bytes);
  return Flow::kOn;
}

// How much of n bytes may still be taken.
std::size_t Call::wanted(std::size_t n) const {
  return static_cast<std::size_t>(std::min<std::uint64_t>(n, most_ - received_));
}

void Call::accept(std::size_t n) {
  received_ += n;
  pool_.count_received(n);
  turn_bytes_ += n;
  if (response_.framing == http::Framing::kLength) left_ -= n;
  blocked_ = false;
  wind_clock();
}

Call::Flow Call::stopped(body::BodyWriter::Stop why) {
  switch (why) {
    case body::BodyWriter::Stop::kEnd:  // more than was asked for: the rest is not wanted
      return over({});
    case body::BodyWriter::Stop::kNoRoom:
    case body::BodyWriter::Stop::kLead:
      blocked_ = held_back_ = true;
      wind_clock();
      owner_.on_blocked(why);
      return Flow::kStop;
    case body::BodyWriter::Stop::kNone:
      return Flow::kOn;  // there is space again
  }
  check_failed("unknown stop", __FILE__, __LINE__);
}

// The origin ended the connection (read.state is kEnd or kError).
Call::Flow Call::end_of_stream(const net::IoResult& read) {
  const net::Conn& conn = *link_->conn;
  const bool clean = read.state == net::IoState::kEnd;
  const Errc broken =
      conn.tls() && read.error == EPROTO ? Errc::kOriginTlsFailed : Errc::kOriginReset;
  if (state_ == State::kHead) {
    if (may_retry() && !response_began_) return retry();
    return over(fail(clean ? Errc::kOriginClosed : broken, read.error));
  }
  // RFC 8446 §6.1: an end that nobody vouches for may be anybody's.
  const bool cut = conn.tls() && conn.tls()->cut();
  const bool ends_it = clean && !cut && response_.framing == http::Framing::kUntilClose;
  if (ends_it) return finish(), Flow::kStop;
  return over(fail(clean ? Errc::kOriginCut : broken, read.error));
}

// RFC 9112 §9.3.1: safe to send again only if it is idempotent and cannot have been acted on twice.
bool Call::may_retry() const {
  return reused_ && !retried_ && !body_touched_ && http::is_idempotent(head_.method);
}

Call::Flow Call::retry() {
  retried_ = true;
  reused_ = response_began_ = false;
  parser_.reset();
  response_.clear();
  link_.reset();
  stand_in_line();
  return Flow::kStop;
}

// The response is whole. Its connection serves again if both sides are done with it.
void Call::finish() {
  const bool surplus = !early_.empty();
  if (response_.keep_alive && request_sent_ && !surplus &&
      response_.framing != http::Framing::kUntilClose) {
    pool_.give(std::move(*link_));
  }
  over({});
}

Call::Flow Call::over(Result<void> result) {
  if (state_ == State::kOver) return Flow::kStop;
  const Verdict told = verdict(result);
  result_ = result;
  state_ = State::kOver;
  pool_.servers().limit.leave(opener_);
  link_.reset();
  place_.free();
  if (!result && pick_ && info(result.error()).side == Side::kOrigin) tried_.add(pick_->server);
  report(told, result ? "status" : info(result.error()).name);
  return Flow::kStop;
}

// ---- what it tells of the server

Verdict Call::verdict(const Result<void>& result) const {
  if (result) return refused_ ? Verdict::kFailed : Verdict::kOk;
  switch (result.error().code) {
    case Errc::kResolveFailed:
    case Errc::kConnectRefused:
    case Errc::kConnectFailed:
    case Errc::kConnectTimeout:
      return is_ours(result.error().sys) ? Verdict::kNone : Verdict::kFailed;
    case Errc::kFirstByteTimeout:
    case Errc::kOriginBadResponse:
    case Errc::kOriginUntrusted:
    case Errc::kOriginWrongName:
    case Errc::kOriginExpired:
    case Errc::kOriginTlsFailed:
    case Errc::kOriginTlsTimeout:
      return Verdict::kFailed;
    case Errc::kOriginClosed:
    case Errc::kOriginReset:
    case Errc::kOriginCut:
    case Errc::kBetweenBytesTimeout: {
      const bool stale = reused_ && !response_began_;
      const bool gets_on = received_ >= body::kChunkSize;  // it works, if not to the end
      return stale || gets_on || held_back_ ? Verdict::kNone : Verdict::kFailed;
    }
    default:
      return Verdict::kNone;
  }
}

void Call::report(Verdict verdict, std::string_view reason) {
  if (!pick_) return;
  const Pick pick = *std::exchange(pick_, {});
  const TimePoint now = pool_.loop().now();
  const Change change = pool_.servers().balancer.done(pick, verdict, now, pool_.random());
  tell(change, pick.server, reason);
}

void Call::tell(Change change, std::size_t server, std::string_view reason) const {
  const Settings& settings = pool_.settings();
  const std::string& name = settings.servers[server].name;
  if (change == Change::kEjected) {
    log_warn("server ejected origin={} server={} reason={}", settings.name, name, reason);
  } else if (change == Change::kReturned) {
    log_info("server returned origin={} server={} reason=trial", settings.name, name);
  }
}

}  // namespace weir::origin
