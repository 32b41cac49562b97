#include "proxy/disk_fill.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "cache/shelf.h"

namespace weir::proxy {
namespace {

// What is read ahead of a reader: enough for a disk to work while the socket is filled, little
// enough for many readers of large objects. The kernel reads one chunk further.
constexpr std::uint64_t kAhead = 4 * body::kChunkSize;
constexpr std::uint32_t kRunMost = 256;  // chunks that one fill may cover
constexpr Duration kLook = std::chrono::seconds(1);
constexpr std::uint32_t kIdleLooks = 2;
constexpr Duration kTurn = std::chrono::milliseconds(10);

}  // namespace

bool DiskFill::start(House& house, const cache::Key& key, Ref<cache::Object> object,
                     const body::Hole& hole, Ref<cache::Busy> busy) {
  const store::DiskBody* disk = cache::Shelf::disk_body(*object);
  if (!disk || !object->body().total()) return false;
  const auto index = static_cast<std::uint32_t>(hole.offset / body::kChunkSize);
  const std::uint32_t run = disk->run(index, kRunMost);
  if (run == 0) return false;
  const std::uint64_t end = std::min(hole.end, (std::uint64_t{index} + run) * body::kChunkSize);
  auto* fill = new DiskFill(house, key, std::move(object), hole.offset, end, std::move(busy));
  house.disk_fills.push_back(fill->place_);
  fill->wake();
  return true;
}

DiskFill::DiskFill(House& house, const cache::Key& key, Ref<cache::Object> object,
                   std::uint64_t first, std::uint64_t end, Ref<cache::Busy> busy)
    : house_(house),
      key_(key),
      object_(std::move(object)),
      busy_(std::move(busy)),
      writer_(object_->body_ref(), first, end, *this),
      timer_(house.loop, *this) {
  place_.fill = this;
  writer_.keep_lead(kAhead);
}

DiskFill::~DiskFill() {
  if (state_ != State::kOver) {
    if (read_) read_->forget_and_wait();
    std::move(writer_).abandon();
    if (busy_) busy_->fail(Error{Errc::kDraining});
  }
  house_.loop.cancel(*this);
}

void DiskFill::run() noexcept {
  switch (state_) {
    case State::kReading:
      if (read_->done()) step_reading();
      return;
    case State::kLooking:
    case State::kWaiting:
      return step_looking();
    case State::kOver:
      return;
  }
}

void DiskFill::step_looking() {
  std::byte passed[4096];  // another fill brings these bytes: they are only passed over
  for (;;) {
    const body::BodyWriter::Space space = writer_.space(body::kChunkSize, passed);
    if (space.stop == body::BodyWriter::Stop::kEnd) return end();
    if (space.bytes.empty()) {
      state_ = State::kWaiting;
      idle_looks_ = 0;
      return timer_.set(after(house_.loop.now(), kLook));
    }
    if (space.bytes.data() != passed) {
      if (!read_chunk(space.bytes)) wait_for_turn();
      return;
    }
    writer_.commit(space.bytes.size());
  }
}

// The disk is asked for more than it can do.
void DiskFill::wait_for_turn() {
  state_ = State::kWaiting;
  in_line_ = true;
  timer_.set(after(house_.loop.now(), kTurn));
}

// Into the Body's own memory where the chunk is wanted whole.
bool DiskFill::read_chunk(std::span<std::byte> space) {
  const std::uint64_t at = writer_.offset();
  const auto index = static_cast<std::uint32_t>(at / body::kChunkSize);
  const std::uint64_t base = index * body::kChunkSize;
  const std::uint64_t size = std::min(body::kChunkSize, *object_->body().total() - base);
  space_ = space;
  std::span<std::byte> to = space;
  if (at != base || space.size() != size) {
    buffer_.resize(size);
    to = buffer_;
  }
  const Ref<store::DiskBody> disk(cache::Shelf::disk_body(*object_));
  read_ = make_ref<store::ReadChunk>(disk, index, to, house_.loop, *this);
  state_ = State::kReading;
  if (disk->store().read(key_.digest, read_)) return true;
  read_ = nullptr;
  return false;
}

void DiskFill::step_reading() {
  const Result<void> result = read_->result();
  read_ = nullptr;
  if (!result) return give_up();
  if (!buffer_.empty()) {
    const std::size_t from = writer_.offset() % body::kChunkSize;
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(from), space_.size(), space_.begin());
    buffer_.clear();
  }
  writer_.commit(space_.size());
  if (busy_) std::exchange(busy_, nullptr)->resolve(object_);
  state_ = State::kLooking;
  step_looking();
}

// Who waits here goes on with the origin; where that cannot be, the object is no more.
void DiskFill::give_up() {
  if (busy_) std::exchange(busy_, nullptr)->fail(Error{Errc::kDiskRead});
  const body::Body& body = object_->body();
  if (!body.refillable()) house_.index.forget(key_, *object_);
  end();
}

// The lead is kept for who reads on; nobody does so for long.
void DiskFill::on_timer(net::Timer&) {
  if (state_ != State::kWaiting) return;
  if (std::exchange(in_line_, false)) return step_looking();
  if (++idle_looks_ >= kIdleLooks && object_->body().readers() == 0) return end();
  if (idle_looks_ >= 10 * kIdleLooks) return end();
  timer_.set(after(house_.loop.now(), kLook));
}

void DiskFill::end() {
  state_ = State::kOver;
  std::move(writer_).abandon();
  if (busy_) std::exchange(busy_, nullptr)->resolve(object_);
  delete this;
}

}  // namespace weir::proxy
