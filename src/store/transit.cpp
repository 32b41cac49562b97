#include "store/transit.h"

namespace weir::store {

Ref<body::Chunk> Transit::allocate(body::Body& owner, std::uint32_t index, std::size_t size,
                                   body::Need most) {
  if (!spool_) return memory_.allocate(owner, index, size, most);
  Ref<body::Chunk> chunk;
  if (owner.present() + size <= window_) {
    chunk = memory_.allocate(owner, index, size, body::Need::kUsual);
  }
  // What is small is not worth a slot of its own.
  if (!chunk && size < body::kChunkSize / 16) {
    return memory_.allocate(owner, index, size, body::Need::kPressing);
  }
  // One of a body without a known end would grow, and hold memory twice meanwhile.
  if (!chunk) {
    const std::size_t room = owner.total() ? size : body::kChunkSize;
    chunk = spool_->allocate(room, most == body::Need::kPressing);
  }
  return chunk;
}

void Transit::wait_for_room(body::Waiter& waiter) {
  memory_.wait_for_room(waiter);
  if (spool_) spool_->wait_for_room(waiter);
}

void Transit::forget(body::Waiter& waiter) noexcept {
  memory_.forget(waiter);
  if (spool_) spool_->forget(waiter);
}

void Transit::release(body::Chunk& chunk) noexcept {
  if (!spool_ || !Spool::owns(chunk)) memory_.release(chunk);
}

}  // namespace weir::store
