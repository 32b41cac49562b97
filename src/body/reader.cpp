#include <algorithm>

#include "body/aside.h"
#include "body/body.h"

namespace weir::body {

// What a reader costs. At rest (complete) it takes the lock once: next() for a body that can be
// fetched again, the constructor for one that cannot and is one chunk, which the reader then holds.
// Tracked, so that its cursor pins chunks or limits a writer's lead, it takes the lock at each
// step.

BodyReader::BodyReader(Ref<Body> body, std::uint64_t first, std::uint64_t end, Waiter& owner)
    : body_(std::move(body)), owner_(owner), offset_(first), end_(end) {
  body_->attach(*this);
}

BodyReader::~BodyReader() {
  await_no_chunk();
  body_->detach(*this);
}

std::uint64_t BodyReader::end() const { return std::min(end_, body_->total_.load()); }

Next BodyReader::lease(Chunk& chunk, std::size_t here, std::uint64_t stop, std::size_t max) {
  const std::size_t at = offset_ % kChunkSize;
  const std::uint64_t n = std::min<std::uint64_t>({max, here - at, stop - offset_});
  Chunk::Part part = chunk.part(at, n, owner_);
  if (part.pin) return Lease{std::move(part.pin), part.bytes};
  if (part.lost) return Error{Errc::kDiskRead};
  awaited_ = Ref<Chunk>(&chunk);
  return Wait{};
}

void BodyReader::await_no_chunk() noexcept {
  if (!awaited_) return;
  awaited_->forget(owner_);
  awaited_ = nullptr;
}

Next BodyReader::next(std::size_t max) {
  await_no_chunk();
  Next next = End{};
  if (!held_) {
    next = body_->read(*this, max);
  } else if (offset_ < end()) {
    next = lease(*held_, held_->capacity(), end(), max);
  }
  if (const Lease* got = std::get_if<Lease>(&next); got && touched_ != chunk_index(offset_)) {
    touched_ = chunk_index(offset_);
    got->pin->touch();  // once for each reader, however many pieces it takes
  }
  return next;
}

void BodyReader::advance(std::uint64_t n) {
  if (tracked_) {
    body_->advance(*this, n);
  } else {
    offset_ += n;
  }
}

BodyPin::BodyPin(Ref<Body> body) : body_(std::move(body)) {
  Lock lock(body_->mutex_);
  ++body_->aside().pins;
}

BodyPin::~BodyPin() {
  {
    Lock lock(body_->mutex_);
    --body_->aside().pins;
    body_->settle();
  }
  body_->source_.unpinned();
}

// --- Body's side of it ---------------------------------------------------------------------------

void Body::attach(BodyReader& reader) {
  ++readers_;
  unread_ = false;
  if (refillable_ && !drop_passed_ && !filling()) return;
  Lock lock(mutex_);
  if (refillable_ && !drop_passed_ && complete()) return;
  if (complete() && !drop_passed_ && (!aside_ || aside_->slots.empty()) && first_.chunk) {
    reader.held_ = first_.chunk;
  } else {
    track(reader);
    wake_stopped();
  }
}

void Body::detach(BodyReader& reader) {
  --readers_;
  if (!reader.tracked_ && !reader.listed_) return;
  std::vector<Ref<Chunk>> passed;
  {
    Lock lock(mutex_);
    reader.unlink();
    passed = take_passed();
    wake_stopped();
    settle();
  }
  for (Ref<Chunk>& chunk : passed) let_go(std::move(chunk));
  source_.unpinned();
}

void Body::track(BodyReader& reader) {
  reader.tracked_ = true;
  aside().reading.push_back(reader);
}

void Body::list(BodyReader& reader) {
  reader.listed_ = true;
  reader.unlink();
  aside().waiting.push_back(reader);
}

void Body::unlist(BodyReader& reader) {
  if (!std::exchange(reader.listed_, false)) return;
  reader.unlink();
  if (reader.tracked_) {
    aside().reading.push_back(reader);
  } else {
    settle();
  }
}

Error Body::reason() {
  if (failed()) return aside().error;
  return Error{lost_ ? Errc::kNoSpace : Errc::kFetchAbandoned};
}

Next Body::read(BodyReader& reader, std::size_t max) {
  Lock lock(mutex_);
  // Who follows a fill is known to evict(), so that what it comes to is not evicted before it.
  if ((lead_limit() != kUnlimited || filling()) && !reader.tracked_ && !complete()) {
    track(reader);
    wake_stopped();
  }
  unlist(reader);
  const std::uint64_t offset = reader.offset_;
  const std::uint64_t end = reader.end();
  if (offset >= end) return End{};

  const std::uint64_t stop = failed() ? std::min(end, aside().failed_at) : end;
  const Slot* slot = find(offset);
  if (slot && slot->filled > offset % kChunkSize && offset < stop) {
    const Next next = reader.lease(*slot->chunk, slot->filled, stop, max);
    if (const Error* why = std::get_if<Error>(&next)) {
      set_failed(*why, offset);
    } else if (const Lease* got = std::get_if<Lease>(&next); got && drop_passed_) {
      prepare(offset + got->bytes.size());
    }
    return next;
  }
  if (failed()) return reason();
  if (will_bring(offset)) {
    reader.behind_ = false;
    list(reader);
    return Wait{};
  }
  if (!may_return(offset)) return reason();
  reader.behind_ = true;
  return hole_at(offset);
}

// A reader comes to `offset` next: where a chunk begins there, it may have to be brought.
void Body::prepare(std::uint64_t offset) {
  if (offset % kChunkSize != 0) return;
  const Slot* next = find(offset);
  if (next && next->chunk) next->chunk->soon();
}

void Body::advance(BodyReader& reader, std::uint64_t n) {
  std::vector<Ref<Chunk>> passed;
  bool crossed = false, freed = false;
  {
    Lock lock(mutex_);
    const std::uint32_t before = chunk_index(reader.offset_);
    reader.offset_ += n;
    crossed = chunk_index(reader.offset_) != before || reader.offset_ >= reader.end();
    if (crossed) passed = take_passed();
    wake_stopped();
    freed = crossed && (!refillable_ || !awaited(before * kChunkSize));
  }
  for (Ref<Chunk>& chunk : passed) let_go(std::move(chunk));
  if (freed) source_.unpinned();
}

}  // namespace weir::body
