#pragma once
// Transit: room for responses that are on their way to one client and not kept: a window of each in
// memory, what a slow client leaves behind that in the spool. So the origin is rid of them at its
// full speed. Any thread.

#include <cstdint>
#include <memory>

#include "body/body.h"
#include "body/chunk.h"
#include "store/spool.h"

namespace weir::store {

class Transit final : public body::ChunkSource {
 public:
  // `window`: bytes of one response in memory. `spool` may be null: then all are.
  Transit(body::ChunkSource& memory, std::unique_ptr<Spool> spool, std::uint64_t window)
      : memory_(memory), spool_(std::move(spool)), window_(window) {}

  Ref<body::Body> create(const body::BodyOptions& options) {
    return make_ref<body::Body>(static_cast<body::ChunkSource&>(*this), options);
  }
  SpoolStats spool_stats() const { return spool_ ? spool_->stats() : SpoolStats{}; }
  bool has_spool() const { return spool_ != nullptr; }

 private:
  Ref<body::Chunk> allocate(body::Body& owner, std::uint32_t index, std::size_t size,
                            body::Need most) override;
  void wait_for_room(body::Waiter& waiter) override;
  void forget(body::Waiter& waiter) noexcept override;
  void release(body::Chunk& chunk) noexcept override;
  void unpinned() noexcept override { memory_.unpinned(); }
  void emptied(const body::Body& body) override { memory_.emptied(body); }

  body::ChunkSource& memory_;
  const std::unique_ptr<Spool> spool_;
  const std::uint64_t window_;
};

}  // namespace weir::store
