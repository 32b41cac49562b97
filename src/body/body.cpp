#include "body/body.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "body/aside.h"

namespace weir::body {

Body::Body(ChunkSource& source, const BodyOptions& options)
    : meta_bytes_(static_cast<std::uint32_t>(
          std::min<std::uint64_t>(options.meta_bytes, std::numeric_limits<std::uint32_t>::max()))),
      source_(source),
      id_(options.id),
      total_(options.total.value_or(kUnlimited)),
      refillable_(options.refillable),
      drop_passed_(options.drop_passed),
      backing_(options.backing) {
  WEIR_CHECK(options.lead_limit > 0 && options.total.value_or(0) <= kMaxTotal);
  WEIR_CHECK(!backing_ || !drop_passed_);
  if (options.lead_limit != kUnlimited) {
    Lock lock(mutex_);
    aside().lead_limit = options.lead_limit;
  }
  if (total_ == 0 || options.restored) hold_empty_chunk();
  whole_ = options.restored && !refillable_ && !lost_;
}

Body::~Body() {
  // Nobody fills or reads any more. From the first release() on the store does not look at us, and
  // before it we are still readable memory (Ref::try_ref).
  if (first_.chunk) source_.release(*first_.chunk);
  if (!aside_) return;
  for (const auto& [index, slot] : aside_->slots) {
    if (slot.chunk) source_.release(*slot.chunk);
  }
}

std::optional<std::uint64_t> Body::total() const {
  const std::uint64_t total = total_.load();
  return total == kUnlimited ? std::nullopt : std::optional(total);
}

std::uint64_t Body::present() const { return present_.load(); }
bool Body::complete() const { return present_.load() == total_.load(); }
bool Body::failed() const { return failed_.load(); }
bool Body::filling() const { return fills_.load() > 0; }
std::uint32_t Body::readers() const { return readers_.load(); }

bool Body::servable() const {
  return !failed() && !lost_.load() && (refillable_ || complete() || whole_.load() || filling());
}

bool Body::empty_of_chunks() const {
  Lock lock(mutex_);
  return present() == 0 && !first_.chunk;
}

std::vector<Piece> Body::pieces(std::size_t most) const {
  std::vector<Piece> out;
  const auto add = [&](std::uint64_t first, std::uint32_t filled) {
    if (filled == 0 || out.size() > most) return;
    if (!out.empty() && out.back().end == first) {
      out.back().end += filled;
    } else {
      out.push_back({first, first + filled});
    }
  };
  Lock lock(mutex_);
  add(0, first_.filled);
  if (aside_) {
    for (const auto& [index, slot] : aside_->slots) add(index * kChunkSize, slot.filled);
  }
  if (out.size() > most) out.pop_back();
  return out;
}

std::uint64_t Body::lead_limit() const { return aside_ ? aside_->lead_limit : kUnlimited; }

// --- slots ---------------------------------------------------------------------------------------

// The slot of the byte at `offset`, if it is anything but absent.
Body::Slot* Body::find(std::uint64_t offset) {
  if (offset < kChunkSize) return &first_;
  if (!aside_ || offset >= kMaxTotal) return nullptr;
  const auto it = aside_->slots.find(chunk_index(offset));
  return it == aside_->slots.end() ? nullptr : &it->second;
}

Body::Slot& Body::slot(std::uint32_t index) {
  if (index == 0) return first_;
  return aside().slots[index];
}

void Body::forget_if_absent(std::uint32_t index) {
  if (index == 0 || !aside_) return;
  const auto it = aside_->slots.find(index);
  if (it != aside_->slots.end() && !it->second.chunk && !it->second.reserved)
    aside_->slots.erase(it);
}

// Where the last byte that is here ends.
std::uint64_t Body::reach() const {
  if (aside_) {
    for (auto it = aside_->slots.rbegin(); it != aside_->slots.rend(); ++it) {
      if (it->second.filled > 0) return it->first * kChunkSize + it->second.filled;
    }
  }
  return first_.filled;
}

// Empties a slot that is not reserved. The caller lets go of the chunk when it has unlocked.
Ref<Chunk> Body::take(std::uint32_t index) {
  Slot& s = slot(index);
  present_ = present_ - s.filled;
  s.filled = 0;
  if (!may_lack(index * kChunkSize)) lost_ = true;
  Ref<Chunk> chunk = std::move(s.chunk);
  forget_if_absent(index);
  return chunk;
}

void Body::let_go(Ref<Chunk> chunk) {
  if (chunk) source_.release(*chunk);
}

// `whole` has all its bytes now.
void Body::hand_over(std::uint32_t index, const Ref<Chunk>& whole, std::size_t size) {
  if (backing_) {
    backing_->offer(index, whole, size, total_);
  } else {
    whole->seal(size);
  }
}

// A body of no bytes holds a chunk of none, so that the store has something to evict.
void Body::hold_empty_chunk() {
  if (drop_passed_) return;
  {
    Lock lock(mutex_);
    first_.reserved = true;
  }
  Ref<Chunk> chunk = source_.allocate(*this, 0, 0);
  {
    Lock lock(mutex_);
    first_.reserved = false;
    if (!chunk) lost_ = true;  // not charged, so it must not be kept
    std::swap(first_.chunk, chunk);
  }
  let_go(std::move(chunk));
}

// --- traffic -------------------------------------------------------------------------------------

Aside& Body::aside() {
  if (!aside_) aside_ = std::make_unique<Aside>();
  return *aside_;
}

void Body::settle() {
  if (aside_ && aside_->idle() && !failed()) aside_.reset();
}

void Body::wake_readers(std::uint64_t first, std::uint64_t end) {
  if (!aside_) return;
  List<BodyReader>& waiting = aside_->waiting;
  for (BodyReader* r = waiting.front(); r;) {
    BodyReader* next = waiting.next(*r);
    if (r->offset_ >= first && r->offset_ < end) {
      r->unlink();
      if (r->tracked_) aside_->reading.push_back(*r);
      r->owner_.wake();
    }
    r = next;
  }
}

// drop_passed: up to where every reader that has still to read has passed.
std::uint64_t Body::slowest() const {
  std::uint64_t slowest = kUnlimited;
  std::uint64_t furthest = 0;
  if (aside_) {
    aside_->each_reader([&](const BodyReader& r) {
      furthest = std::max(furthest, r.offset_);
      if (r.offset_ < r.end()) slowest = std::min(slowest, r.offset_);
    });
  }
  return slowest != kUnlimited ? slowest : furthest;
}

// How far `fill` may go now: its lead from where it began, whether anybody reads yet or not. A
// reader beyond its reach has a fill of its own and counts there.
std::uint64_t Body::allowed(const Fill& fill) const {
  const std::uint64_t lead = std::min(lead_limit(), fill.lead);
  if (lead == kUnlimited) return kUnlimited;
  std::uint64_t edge = fill.begin;
  if (drop_passed_) {
    edge = slowest();
  } else if (aside_) {
    const std::uint64_t reach = add_saturated(fill.cursor, kSoon);
    aside_->each_reader([&](const BodyReader& r) {
      if (r.offset_ <= reach) edge = std::max(edge, r.offset_);
    });
  }
  std::uint64_t upto = add_saturated(edge, lead);
  // Whoever stops here, perhaps for long, holds no chunk half full: that must be in memory.
  if (drop_passed_ && lead >= 2 * kChunkSize) upto = chunk_floor(upto);
  // A patient writer of a transit body has pressed to be read from a little nevertheless.
  const bool pressed = drop_passed_ && fill.press_until != kUnlimited;
  return pressed ? std::max(upto, fill.press_until) : upto;
}

void Body::wake_stopped() {
  if (!aside_) return;
  for (Fill* f = aside_->fills.front(); f; f = aside_->fills.next(*f)) {
    if (!f->stopped) continue;
    const std::uint64_t upto = allowed(*f);
    if (upto > f->cursor && upto - f->cursor >= std::min(lead_limit(), f->lead) / 2) {
      f->stopped = false;
      f->owner.wake();
    }
  }
}

void Body::set_failed(Error why, std::uint64_t at) {
  if (failed()) return;
  aside().error = why;
  aside_->failed_at = at;
  failed_ = true;
  wake_readers(0, kUnlimited);
  for (Fill* f = aside_->fills.front(); f; f = aside_->fills.next(*f)) {
    if (std::exchange(f->stopped, false)) f->owner.wake();
  }
}

// Whether the byte at `offset` can be had again when memory lacks it.
bool Body::may_lack(std::uint64_t offset) const {
  return refillable_ || (backing_ && backing_->holds(chunk_index(offset)));
}

// The same of one that is absent. If not, then the body is none any more: its backing lost it.
bool Body::may_return(std::uint64_t offset) {
  if (may_lack(offset)) return true;
  if (whole_) lost_ = true;
  return false;
}

// Will a living writer keep the absent byte at `offset`, soon enough to wait for it?
bool Body::will_bring(std::uint64_t offset) {
  if (!aside_) return false;
  const Slot* slot = find(offset);
  const std::uint64_t fillable = chunk_floor(offset) + (slot ? slot->filled : 0);
  for (const Fill* f = aside_->fills.front(); f; f = aside_->fills.next(*f)) {
    if (offset < f->cursor || offset >= f->end) continue;
    if (f->cursor > fillable) continue;  // it passed the place where this chunk could be filled
    if ((!refillable_ && !whole_) || offset - f->cursor <= kSoon) return true;
  }
  return false;
}

Hole Body::hole_at(std::uint64_t offset) {
  const Slot* here = find(offset);
  Hole hole{chunk_floor(offset) + (here ? here->filled : 0), total_.load()};
  if (aside_) {
    auto it = aside_->slots.upper_bound(chunk_index(std::min(offset, kMaxTotal - 1)));
    while (it != aside_->slots.end() && it->second.filled == 0) ++it;
    if (it != aside_->slots.end()) hole.end = std::min(hole.end, it->first * kChunkSize);
  }
  if (!aside_) return hole;
  for (const Fill* f = aside_->fills.front(); f; f = aside_->fills.next(*f)) {
    const bool mid_chunk = f->reserved == Fill::kNone && f->cursor % kChunkSize != 0;
    const std::uint64_t keeps = chunk_floor(f->cursor) + (mid_chunk ? kChunkSize : 0);
    if (keeps > offset && keeps < f->end) hole.end = std::min(hole.end, keeps);
  }
  return hole;
}

// --- eviction ------------------------------------------------------------------------------------

// Does a living reader have still to read of [first, end)?
std::optional<Hole> Body::hole(std::uint64_t offset) {
  Lock lock(mutex_);
  if (failed() || offset >= total_.load()) return {};
  const Slot* slot = find(offset);
  if ((slot && slot->filled > offset % kChunkSize) || will_bring(offset)) return {};
  if (!may_return(offset)) return {};
  return hole_at(offset);
}

bool Body::needed(std::uint64_t first, std::uint64_t end) const {
  bool needed = false;
  if (aside_) {
    aside_->each_reader([&](const BodyReader& r) {
      needed = needed || (r.offset_ < r.end() && r.offset_ < end && r.end() > first);
    });
  }
  return needed;
}

// Whether a reader of a fill is still to come to this chunk; the first one is on its way.
bool Body::awaited(std::uint64_t base) const {
  bool awaited = unread_.load() && filling();
  if (aside_) {
    aside_->each_reader([&](const BodyReader& r) {
      const bool ahead = r.offset_ < base + kChunkSize && r.end() > base;
      awaited = awaited || (ahead && (!r.behind_ || base < add_saturated(r.offset_, kSoon)));
    });
  }
  return awaited;
}

// The chunk goes, so whoever was to come to it has to get it, and what follows, in its own way.
void Body::leave_behind(std::uint64_t base) {
  if (!aside_) return;
  aside_->each_reader([&](BodyReader& r) {
    if (r.offset_ < base + kChunkSize && r.end() > base) r.behind_ = true;
  });
}

bool Body::evict(std::uint32_t index, const Chunk& chunk, Need need) {
  const std::uint64_t base = index * kChunkSize;
  Ref<Chunk> one;
  Slots rest;
  {
    Lock lock(mutex_);
    const Slot* slot = find(base);
    if (!slot) return true;
    if (slot->chunk.get() != &chunk) return !slot->reserved;
    if (slot->reserved || (aside_ && aside_->pins > 0)) return false;
    if (drop_passed_ && unread_) return false;  // it is here for one who is still to come
    if (may_lack(base)) {
      if (need == Need::kUsual && awaited(base)) return false;
      leave_behind(base);
      one = take(index);
      // Who waits here for the rest of it needs all of it now.
      wake_readers(base, base + kChunkSize);
    } else if (complete() || whole_) {
      if (filling() || needed(0, kUnlimited)) return false;
      one = take(0);
      lost_ = true;
      if (aside_) rest.swap(aside_->slots);
      present_ = 0;
    } else {
      if (filling() && need == Need::kUsual) return false;
      if (needed(base, base + kChunkSize)) return false;
      one = take(index);
    }
    settle();
  }
  let_go(std::move(one));
  for (auto& [i, slot] : rest) let_go(std::move(slot.chunk));
  tell_if_emptied();
  return true;
}

void Body::whole_chunks(std::vector<Whole>& out) const {
  Lock lock(mutex_);
  const std::uint64_t total = total_;
  const auto look = [&](std::uint32_t index, const Slot& slot) {
    if (!slot.chunk || slot.reserved || slot.filled == 0) return;
    if (slot.filled == std::min(kChunkSize, total - index * kChunkSize)) {
      out.push_back({index, slot.chunk, slot.filled});
    }
  };
  look(0, first_);
  if (!aside_) return;
  for (const auto& [index, slot] : aside_->slots) look(index, slot);
}

void Body::put(std::uint32_t index, Ref<Chunk> chunk, std::size_t size) {
  {
    Lock lock(mutex_);
    Slot& s = slot(index);
    WEIR_CHECK(s.filled == 0 && !s.reserved && size <= chunk->capacity());
    std::swap(s.chunk, chunk);
    s.filled = static_cast<std::uint32_t>(size);
    present_ += size;
  }
  let_go(std::move(chunk));
}

void Body::offer_all() {
  if (!backing_) return;
  std::vector<Whole> whole;
  whole_chunks(whole);
  const std::uint64_t total = total_;
  for (const Whole& w : whole) backing_->offer(w.index, w.chunk, w.size, total);
}

void Body::tell_if_emptied() {
  if (!drop_passed_ && !failed() && !filling() && empty_of_chunks()) source_.emptied(*this);
}

// drop_passed: the full chunks that every reader has passed.
std::vector<Ref<Chunk>> Body::take_passed() {
  std::vector<Ref<Chunk>> passed;
  if (!drop_passed_ || !aside_) return passed;
  const std::uint32_t end = chunk_index(slowest());
  for (std::uint32_t& i = aside_->first_kept; i < end; ++i) {
    const Slot* s = find(i * kChunkSize);
    if (s && s->reserved) break;
    if (s && s->chunk) passed.push_back(take(i));
  }
  return passed;
}

}  // namespace weir::body
