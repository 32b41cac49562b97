#include "proxy/compression.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace weir::proxy {
namespace {

// Input of one turn, bytes: about a millisecond of work.
constexpr std::size_t kShare = std::size_t{64} * 1024;
constexpr Duration kLook = std::chrono::seconds(1);
constexpr std::uint32_t kUnreadLooks = 2;
// Without so much the encoding does not begin, bytes.
constexpr std::size_t kRoom = std::size_t{16} * 1024;

}  // namespace

std::unique_ptr<http::Encoder> Compression::encoder(House& house, const Order& order) {
  const auto total = order.object->body().total();
  const std::size_t memory = http::Encoder::footprint(order.coding, order.level, total);
  if (house.compress_used + memory > house.compress_memory) return nullptr;
  return http::Encoder::make(order.coding, order.level, total);
}

Ref<Compression> Compression::start(House& house, Order order,
                                    std::unique_ptr<http::Encoder> encoder) {
  auto made = Ref<Compression>::adopt(new Compression(house, std::move(order), std::move(encoder)));
  if (!made->has_room()) {
    made->cancel();
    return nullptr;
  }
  made->self_ = made;
  made->wake();
  return made;
}

Compression::Compression(House& house, Order order, std::unique_ptr<http::Encoder> encoder)
    : house_(house),
      order_(std::move(order)),
      encoder_(std::move(encoder)),
      memory_(http::Encoder::footprint(order_.coding, order_.level, order_.object->body().total())),
      timer_(house.loop, *this) {
  WEIR_CHECK(encoder_);
  place_.compression = this;
  house_.compressions.push_back(place_);
  house_.compress_used += memory_;
  reader_.emplace(order_.object->body_ref(), 0, body::kUnlimited, *this);
  writer_.emplace(order_.into, 0, body::kUnlimited, *this);
  timer_.set(after(house_.loop.now(), kLook));
}

Compression::~Compression() { house_.loop.cancel(*this); }

void Compression::cancel() {
  if (state_ != State::kOver) fail(Error{Errc::kFetchAbandoned});
}

CodingStats& Compression::stats() {
  return house_.stats.codings[static_cast<std::size_t>(order_.coding)];
}

void Compression::run() noexcept {
  const Ref<Compression> alive(this);
  std::size_t share = kShare;
  while (state_ != State::kOver && put_out()) {
    if (encoder_->failed()) return fail(Error{Errc::kNoSpace});
    switch (state_) {
      case State::kReading:
        if (!step_reading(share)) return;
        break;
      case State::kFlushing:
        if (encoder_->flush()) state_ = State::kReading;
        break;
      case State::kCoasting:
        if (encoder_->coast()) state_ = State::kReading;
        break;
      case State::kFinishing:
        if (encoder_->finish()) state_ = State::kClosing;
        break;
      case State::kClosing:
        return finish();
      case State::kOver:
        return;
    }
  }
}

// Nothing is here yet that could be sent instead of this form once its head has gone.
bool Compression::has_room() {
  std::byte passed[1];
  return !writer_->space(kRoom, passed).bytes.empty();
}

// What the encoder has made goes into the body. False: there is no room, and a wake will come.
bool Compression::put_out() {
  while (!encoder_->output().empty()) {
    const auto out = encoder_->output();
    std::byte passed[1];  // nobody else fills it
    const auto space = writer_->space(out.size(), passed);
    if (space.bytes.empty()) return stopped(space.stop);
    without_room_since_ = TimePoint::max();
    far_ahead_ = false;
    const std::size_t n = std::min(space.bytes.size(), out.size());
    std::memcpy(space.bytes.data(), out.data(), n);
    writer_->commit(n);
    encoder_->consume(n);
    stats().out.add(n);
  }
  return true;
}

bool Compression::stopped(body::BodyWriter::Stop why) {
  far_ahead_ = why == body::BodyWriter::Stop::kLead;
  const bool no_room = why == body::BodyWriter::Stop::kNoRoom;
  if (!no_room) without_room_since_ = TimePoint::max();
  if (no_room && without_room_since_ == TimePoint::max()) without_room_since_ = house_.loop.now();
  if (why == body::BodyWriter::Stop::kEnd) fail(Error{Errc::kNoSpace});  // it failed, is too long
  return false;
}

// False: the turn is over.
bool Compression::step_reading(std::size_t& share) {
  if (share == 0) {
    wake();
    return false;
  }
  body::Next next = reader_->next(share);
  if (const auto* lease = std::get_if<body::Lease>(&next)) return take(*lease, share);
  if (const auto* hole = std::get_if<body::Hole>(&next)) return fill(*hole);
  if (const auto* why = std::get_if<Error>(&next)) {
    fail(*why);
    return false;
  }
  if (std::holds_alternative<body::End>(next)) {
    state_ = State::kFinishing;
    return true;
  }
  if (!std::exchange(fed_, false)) return false;
  state_ = State::kFlushing;
  return true;
}

bool Compression::take(const body::Lease& lease, std::size_t& share) {
  const std::size_t n = encoder_->feed(lease.bytes);
  reader_->advance(n);
  stats().in.add(n);
  share -= n;
  taken_ += n;
  fed_ = fed_ || n > 0;
  if (taken_ > order_.most && !std::exchange(coasting_, true)) state_ = State::kCoasting;
  return true;
}

bool Compression::fill(const body::Hole& hole) {
  std::optional<Error> why = Error{Errc::kOriginCut};
  if (order_.refill) {
    why = hole_fill_.start(house_, order_.key, order_.object, hole, {},
                           [this] { return *order_.refill; });
  }
  if (why) fail(*why);
  return !why;
}

void Compression::finish() {
  std::move(*writer_).finish();
  writer_.reset();
  stats().made.add();
  end();
}

void Compression::fail(Error why) {
  if (why.code == Errc::kNoSpace) {
    log_warn("compression failed key={} coding={} offset={} reason={}", order_.key.text,
             http::name(order_.coding), taken_, describe(why));
  }
  std::move(*writer_).fail(why);
  writer_.reset();
  end();
}

// A form that nobody reads is finished only if its source is here anyway.
void Compression::on_timer(net::Timer&) {
  if (state_ == State::kOver) return;
  if (house_.loop.now() - house_.room_patience >= without_room_since_)
    return fail(Error{Errc::kNoSpace});
  const bool cheap = order_.object->body().complete() && !far_ahead_;
  const bool wanted = order_.into->readers() > 0 || cheap;
  unread_looks_ = wanted ? 0 : unread_looks_ + 1;
  if (unread_looks_ >= kUnreadLooks) return cancel();
  timer_.set(after(house_.loop.now(), kLook));
}

void Compression::end() {
  state_ = State::kOver;
  timer_.clear();
  reader_.reset();
  encoder_ = nullptr;
  house_.compress_used -= memory_;
  place_.unlink();
  house_.loop.cancel(*this);
  Ref<Compression> self = std::move(self_);  // may be the last
}

}  // namespace weir::proxy
