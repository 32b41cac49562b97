#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "body/aside.h"
#include "body/body.h"

namespace weir::body {

namespace {

constexpr std::size_t kLeastFirstChunk = 16 * 1024;

// How large the chunk at `index` is made, when `have` bytes of it are not enough.
std::size_t chunk_size(std::uint64_t total, std::uint32_t index, std::size_t have,
                       std::size_t hint) {
  if (total != kUnlimited) {
    return static_cast<std::size_t>(std::min(kChunkSize, total - index * kChunkSize));
  }
  const std::size_t most = kChunkSize;
  if (index > 0) return most;
  return have == 0 ? std::clamp(hint, kLeastFirstChunk, most) : std::min(4 * have, most);
}

}  // namespace

// What space() found under the lock: space, or that the reserved slot needs a chunk (again).
struct BodyWriter::Plan {
  Space space;
  std::uint32_t index = 0;
  std::size_t capacity = 0;  // 0: none is needed
};

BodyWriter::BodyWriter(Ref<Body> body, std::uint64_t first, std::uint64_t end, Waiter& owner)
    : fill_(std::make_unique<Fill>(std::move(body), first, end, owner)) {
  Body& b = *fill_->body;
  Lock lock(b.mutex_);
  b.aside().fills.push_back(*fill_);
  ++b.fills_;
}

BodyWriter::BodyWriter(BodyWriter&&) noexcept = default;

BodyWriter& BodyWriter::operator=(BodyWriter&& other) noexcept {
  if (fill_) std::move(*this).fail(Error{Errc::kSystem});
  fill_ = std::move(other.fill_);
  return *this;
}

BodyWriter::~BodyWriter() {
  if (fill_) std::move(*this).fail(Error{Errc::kSystem});
}

void BodyWriter::be_patient() { fill_->press_until = 0; }
void BodyWriter::press(std::uint64_t bytes) {
  fill_->press_until = add_saturated(fill_->cursor, bytes);
}

void BodyWriter::keep_lead(std::uint64_t bytes) {
  Lock lock(body().mutex_);
  fill_->lead = bytes;
}

std::uint64_t BodyWriter::offset() const { return fill_->cursor; }
Body& BodyWriter::body() const { return *fill_->body; }

BodyWriter::Space BodyWriter::space(std::size_t hint, std::span<std::byte> scratch) {
  WEIR_CHECK(fill_);
  for (;;) {
    Plan plan = this->plan(hint, scratch);
    if (plan.capacity == 0) return plan.space;
    Ref<Chunk> chunk = allocate(plan.index, plan.capacity);
    if (!chunk) return {{}, Stop::kNoRoom};
    install(plan.index, std::move(chunk));
  }
}

BodyWriter::Plan BodyWriter::plan(std::size_t hint, std::span<std::byte> scratch) {
  Fill& fill = *fill_;
  Body& body = *fill.body;
  Lock lock(body.mutex_);
  fill.given = 0;
  fill.stopped = false;
  const std::uint64_t total = body.total_.load();
  std::uint64_t stop = std::min(fill.end, total);
  if (body.failed() || fill.cursor >= stop || fill.cursor >= kMaxTotal)
    return {.space = {{}, Stop::kEnd}};
  const std::uint64_t allowed = body.allowed(fill);
  fill.stopped = fill.cursor >= allowed;
  if (fill.stopped) return {.space = {{}, Stop::kLead}};
  stop = std::min(stop, allowed);

  const std::uint32_t index = chunk_index(fill.cursor);
  const std::size_t at = fill.cursor % kChunkSize;
  const std::uint64_t room = std::min(stop - fill.cursor, kChunkSize - at);
  if (fill.reserved != index) {
    const Body::Slot* here = body.find(fill.cursor);
    const bool taken = here && here->reserved;
    const std::size_t filled = here ? here->filled : 0;
    fill.scratch = taken || filled != at;
    if (fill.scratch) {
      WEIR_CHECK(!scratch.empty());
      // Up to the end of what is here, to go on from there; else another fill brings the rest, or
      // the chunk's begin is missing and the rest is of no use.
      const std::uint64_t skip = !taken && filled > at ? filled - at : room;
      fill.given = std::min<std::uint64_t>({scratch.size(), room, skip});
      return {.space = {scratch.first(fill.given)}};
    }
    body.slot(index).reserved = true;
    fill.reserved = index;
  }
  const Body::Slot& slot = body.slot(index);
  const std::size_t have = slot.chunk ? slot.chunk->capacity() : 0;
  if (at >= have) {
    return {.space = {}, .index = index, .capacity = chunk_size(total, index, have, hint)};
  }
  fill.given = std::min<std::uint64_t>(room, have - at);
  return {.space = {{slot.chunk->data() + at, fill.given}}};
}

// Null: the owner is listed and will be woken.
Ref<Chunk> BodyWriter::allocate(std::uint32_t index, std::size_t size) {
  Body& body = *fill_->body;
  const Need most = fill_->cursor < fill_->press_until ? Need::kPressing : Need::kUsual;
  Ref<Chunk> chunk = body.source_.allocate(body, index, size, most);
  if (!chunk) {
    body.source_.wait_for_room(fill_->owner);
    fill_->awaits_room = true;
    chunk = body.source_.allocate(body, index, size, most);
  }
  if (chunk && std::exchange(fill_->awaits_room, false)) body.source_.forget(fill_->owner);
  return chunk;
}

// Puts `chunk` into the reserved slot, with the bytes of the one that was there. Those do not
// change any more, nobody else may touch the slot, so the copy needs no lock; leases keep the old
// one alive.
void BodyWriter::install(std::uint32_t index, Ref<Chunk> chunk) {
  Body& body = *fill_->body;
  Ref<Chunk> old;
  std::size_t filled = 0;
  {
    Lock lock(body.mutex_);
    old = body.slot(index).chunk;
    filled = body.slot(index).filled;
  }
  if (filled > 0) std::memcpy(chunk->data(), old->data(), filled);
  {
    Lock lock(body.mutex_);
    std::swap(body.slot(index).chunk, chunk);
  }
  body.let_go(std::move(chunk));
}

void BodyWriter::commit(std::size_t n) noexcept {
  Fill& fill = *fill_;
  WEIR_CHECK(n <= fill.given);
  if (n == 0) return;
  Body& body = *fill.body;
  bool full = false;
  Ref<Chunk> whole;  // for the backing, or to be sealed
  std::uint32_t index = 0;
  std::size_t size = 0;
  {
    Lock lock(body.mutex_);
    const std::uint64_t before = fill.cursor;
    const std::uint64_t base = chunk_floor(before);
    fill.cursor += n;
    fill.given -= n;
    if (fill.scratch) {
      // Another fill may have given up meanwhile, and who waits for us now waits in vain.
      const Body::Slot* here = body.find(before);
      if (!here || (!here->reserved && fill.cursor > base + here->filled)) {
        body.wake_readers(base, base + kChunkSize);
      }
      return;
    }
    Body::Slot& slot = body.slot(chunk_index(before));
    slot.filled += static_cast<std::uint32_t>(n);
    body.present_ += n;
    body.wake_readers(before, fill.cursor);
    full = slot.filled == slot.chunk->capacity() &&
           (slot.filled == kChunkSize || fill.cursor == body.total_);
    if (full) {
      slot.reserved = false;
      fill.reserved = Fill::kNone;
      index = chunk_index(before);
      size = slot.filled;
      if (body.backing_ || body.drop_passed_) whole = slot.chunk;
    }
  }
  if (whole) body.hand_over(index, whole, size);
  if (full) body.source_.unpinned();
}

void BodyWriter::set_total(std::uint64_t total) {
  Body& body = *fill_->body;
  Lock lock(body.mutex_);
  if (body.total_ == total || body.failed()) return;
  if (body.total_ != kUnlimited || total > kMaxTotal || body.reach() > total) {
    body.set_failed(Error{Errc::kOriginChanged}, fill_->cursor);
    return;
  }
  body.total_ = total;
  body.wake_readers(0, kUnlimited);
}

// An unknown total becomes known. False when the body has failed.
bool BodyWriter::conclude() {
  Body& body = *fill_->body;
  if (body.total_ == kUnlimited) set_total(fill_->cursor);
  return !body.failed();
}

// Cuts the last chunk to size, where a guess made it too large. Room for that may be refused.
void BodyWriter::trim() {
  Body& body = *fill_->body;
  const std::uint32_t index = fill_->reserved;
  std::size_t filled = 0;
  {
    Lock lock(body.mutex_);
    if (index == Fill::kNone || !body.slot(index).chunk) return;
    filled = body.slot(index).filled;
    const std::size_t capacity = body.slot(index).chunk->capacity();
    if (filled == 0 || capacity - filled <= capacity / 4) return;
    if (index * kChunkSize + filled != body.total_) return;
  }
  Ref<Chunk> exact = body.source_.allocate(body, index, filled);
  if (exact) install(index, std::move(exact));
}

// The last chunk of a body whose end was not known is whole only now.
// So is the one that was filled when a body failed: nobody will fill it any more.
void BodyWriter::seal_last() {
  Body& body = *fill_->body;
  Ref<Chunk> last;
  std::size_t size = 0;
  const std::uint32_t index = fill_->reserved;
  if ((!body.backing_ && !body.drop_passed_) || index == Fill::kNone) return;
  {
    Lock lock(body.mutex_);
    const Body::Slot& slot = body.slot(index);
    const bool end = index * kChunkSize + slot.filled == body.total_;
    if (slot.filled == 0 || !(end || (body.failed() && body.drop_passed_))) return;
    last = slot.chunk;
    size = slot.filled;
  }
  body.hand_over(index, last, size);
}

void BodyWriter::finish() && noexcept {
  if (conclude()) {
    trim();
    seal_last();
    if (body().total_ == 0) body().hold_empty_chunk();
    const bool all = body().complete() || (body().backing_ && fill_->cursor == body().total_);
    if (!body().refillable_ && !body().lost_ && all) body().whole_ = true;
  } else if (body().drop_passed_) {
    seal_last();
  }
  end();
}

void BodyWriter::abandon() && noexcept { end(); }

void BodyWriter::fail(Error why) && noexcept {
  Body& b = body();
  {
    Lock lock(b.mutex_);
    b.set_failed(why, fill_->cursor);
  }
  if (b.drop_passed_) seal_last();
  end();
}

void BodyWriter::end() {
  const std::unique_ptr<Fill> fill = std::move(fill_);
  Body& body = *fill->body;
  Ref<Chunk> unused;
  {
    Lock lock(body.mutex_);
    if (fill->reserved != Fill::kNone) {
      Body::Slot& slot = body.slot(fill->reserved);
      slot.reserved = false;
      if (slot.filled == 0 && body.total_ != 0) unused = std::move(slot.chunk);
      body.forget_if_absent(fill->reserved);
    }
    fill->unlink();
    --body.fills_;
    body.wake_readers(0, kUnlimited);
    body.settle();
  }
  if (fill->awaits_room) body.source_.forget(fill->owner);
  body.let_go(std::move(unused));
  body.source_.unpinned();
  body.tell_if_emptied();
}

}  // namespace weir::body
