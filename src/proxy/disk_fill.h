#pragma once
// DiskFill: brings bytes of a stored object from disk back into its Body, a chunk at a time, a
// little ahead of whoever reads. It runs apart from its readers, on the worker that started it,
// and ends itself.
//
//            space            read, checksum right: committed
//   Looking -------> Reading ---------------------------------> Looking --> Over: the run's end
//      |  ^             \-- cannot be had from disk --> Over: readers see the hole again
//      v  | woken: room, or a reader came closer
//   Waiting --nobody came for a while--> Over       (also while too many reads wait)

#include <cstddef>
#include <vector>

#include "base/executor.h"
#include "base/list.h"
#include "cache/busy.h"
#include "cache/key.h"
#include "cache/object.h"
#include "proxy/house.h"
#include "store/disk_reads.h"

namespace weir::proxy {

class DiskFill final : public body::Waiter, public Task, public net::Timer::Owner {
 public:
  // False: the begin of the hole is not on disk. `busy`, if any, is resolved with the object once
  // its first bytes are here, or fails with kDiskRead. The writer stands when this returns.
  static bool start(House& house, const cache::Key& key, Ref<cache::Object> object,
                    const body::Hole& hole, Ref<cache::Busy> busy);
  ~DiskFill();  // before it is over: at the end of the worker

  void wake() noexcept override { house_.loop.post(*this); }
  void run() noexcept override;
  void on_timer(net::Timer& timer) override;

 private:
  enum class State : std::uint8_t { kLooking, kReading, kWaiting, kOver };

  DiskFill(House& house, const cache::Key& key, Ref<cache::Object> object, std::uint64_t first,
           std::uint64_t end, Ref<cache::Busy> busy);
  void step_looking();
  void step_reading();
  bool read_chunk(std::span<std::byte> space);
  void wait_for_turn();
  void give_up();
  void end();

  House& house_;
  DiskFillPlace place_;  // among those of the worker
  const cache::Key key_;
  const Ref<cache::Object> object_;
  Ref<cache::Busy> busy_;
  body::BodyWriter writer_;
  net::Timer timer_;
  Ref<store::ReadChunk> read_;
  std::span<std::byte> space_;     // of the writer, for what is being read
  std::vector<std::byte> buffer_;  // where only a part of the chunk is wanted
  std::uint32_t idle_looks_ = 0;
  bool in_line_ = false;  // too many reads wait: asked again soon
  State state_ = State::kLooking;
};

}  // namespace weir::proxy
